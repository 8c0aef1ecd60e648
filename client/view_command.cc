#include <CLI/CLI.hpp>
#include <memory>

#include "absl/strings/str_cat.h"
#include "client/commands.h"
#include "client/image_options.h"
#include "client/interrupt.h"
#include "client/output_file.h"
#include "client/view_folder.h"
#include "common/counted.h"

namespace alignflow {
namespace {

struct ViewArguments {
  std::string dir, out, labels, undo;
  ImageOptions images;
  int size = 0;
};

absl::StatusOr<Result> Cut(Session& session, const ViewArguments& arguments) {
  const auto scanned = ScanFolder(session, arguments.dir, arguments.labels, arguments.images);
  if (!scanned.ok()) return scanned.status();
  if (scanned->folder.items.front().depth > 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(arguments.dir,
                     " holds volumes, which have no field of view; look at them with a viewer of "
                     "NIfTI files, such as 3D Slicer or ITK-SNAP"));
  }
  auto summary = CutViews(session, *scanned, arguments.out, arguments.size);
  if (!summary.ok()) return summary.status();
  std::string text =
      absl::StrCat("cut ", Counted(summary->images, "image"),
                   summary->masks ? " and their masks" : "", " to their views in ", arguments.out);
  if (summary->whole > 0) {
    absl::StrAppend(&text, "; the view reaches all four edges of ", summary->whole, " of them");
  }
  absl::StrAppend(&text, "\nlook at ", arguments.out,
                  "/contact-sheet.png. Masks of these views go back into whole pictures with\n  "
                  "afctl view --undo ",
                  arguments.out, " MASKS OUT\n");
  return Result{.document = {{"out", arguments.out},
                             {"images", summary->images},
                             {"whole", summary->whole},
                             {"masks", summary->masks}},
                .text = text};
}

absl::StatusOr<Result> Undo(const ViewArguments& arguments) {
  auto count = PutViewsBack(arguments.undo, arguments.dir, arguments.out);
  if (!count.ok()) return count.status();
  return Result{.document = {{"out", arguments.out}, {"masks", *count}},
                .text = absl::StrCat("put ", Counted(*count, "mask"),
                                     " back into whole pictures in ", arguments.out, "\n")};
}

absl::StatusOr<Result> CutToViews(Session& session, const ViewArguments& arguments) {
  absl::Status folder = CheckOutputFolder(arguments.out);
  if (!folder.ok()) return folder;
  const InterruptNote note(
      absl::StrCat(arguments.out, " is incomplete: remove it before you use the name again"));
  return arguments.undo.empty() ? Cut(session, arguments) : Undo(arguments);
}

}  // namespace

void AddViewCommand(CLI::App& app, Action& chosen) {
  CLI::App* command = app.add_subcommand(
      "view",
      "cut images, and their masks, to what the scanner saw: without borders, boxes and writing "
      "around it; or put masks back into whole pictures");
  auto arguments = std::make_shared<ViewArguments>();
  command
      ->add_option("dir", arguments->dir,
                   "a dataset (images/ and masks/) or a folder of images; with --undo one of masks")
      ->type_name("DIR")
      ->required();
  command->add_option("out", arguments->out, "new folder to write to")
      ->type_name("DIR")
      ->required();
  CLI::Option* labels =
      command->add_option("--labels", arguments->labels, "of the masks, as for `dataset push`")
          ->type_name("NAME=VALUE,...");
  CLI::Option* size =
      command
          ->add_option("--size", arguments->size,
                       "side in pixels that every view is stretched to; without it each keeps its "
                       "own size")
          ->type_name("N")
          ->check(CLI::Range(8, 8192));
  command
      ->add_option(
          "--undo", arguments->undo,
          "a folder that this command wrote: masks of its views, such as a model predicts, "
          "are put back into whole pictures")
      ->type_name("DIR")
      ->excludes(labels)
      ->excludes(size);
  AddImageOptions(*command, arguments->images);
  command->callback([&chosen, arguments] {
    chosen = [arguments](Session& session) { return CutToViews(session, *arguments); };
  });
}

}  // namespace alignflow
