#include <CLI/CLI.hpp>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/commands.h"
#include "client/interrupt.h"
#include "client/job_watch.h"
#include "client/output_file.h"
#include "client/pair_pull.h"
#include "common/counted.h"

namespace alignflow {
namespace {

struct PullArguments {
  std::string job, dir, frames = "references", format = PairFormatNames().front();
  double timeout_s = kDefaultTimeoutSeconds;
};

absl::StatusOr<Result> Pull(Session& session, const PullArguments& arguments) {
  auto job = ResourceName("jobs", arguments.job);
  if (!job.ok()) return job.status();
  absl::Status folder = CheckOutputFolder(arguments.dir);
  if (!folder.ok()) return folder;
  auto stubs = session.Connect();
  if (!stubs.ok()) return stubs.status();
  const InterruptNote note(
      absl::StrCat("what is in ", arguments.dir,
                   " is whole; run the same command again to go on where it stopped"));
  auto summary = PullPairs(
      session, *stubs, *job,
      arguments.frames == "view" ? v1::PAIR_FORM_VIEW : v1::PAIR_FORM_UNSPECIFIED,
      PairFormatNamed(arguments.format), arguments.dir, absl::Seconds(arguments.timeout_s));
  if (!summary.ok()) return summary.status();
  Result result{.document = {{"job", *job},
                             {"dir", arguments.dir},
                             {"format", arguments.format},
                             {"pairs", summary->pairs},
                             {"pulled", summary->pulled},
                             {"left_out", summary->left_out},
                             {"repaired", summary->repaired},
                             {"report", summary->report}},
                .text = absl::StrCat(Counted(summary->pairs, "pair"), " in ", arguments.dir, ", ",
                                     summary->pulled, " of them new")};
  if (summary->left_out > 0) {
    absl::StrAppend(&result.text, ", ", summary->left_out, " left out by the gates");
  }
  if (summary->repaired > 0) absl::StrAppend(&result.text, ", ", summary->repaired, " repaired");
  absl::StrAppend(&result.text, "\n");
  if (!summary->report) {
    absl::StrAppend(&result.text,
                    "the figures are not there yet: run this again later for contact-sheet.png and "
                    "figures.json\n");
  }
  return result;
}

}  // namespace

void AddPairsCommands(CLI::App& app, Action& chosen) {
  CLI::App* group = app.add_subcommand("pairs", "the image-mask pairs that jobs make");
  group->require_subcommand(1);
  CLI::App* pull = group->add_subcommand(
      "pull",
      "write a job's pairs to DIR/images, DIR/masks and DIR/manifest.jsonl, waiting for "
      "those to come; goes on where it stopped");
  auto arguments = std::make_shared<PullArguments>();
  pull->add_option("job", arguments->job, "as `align` and `job list` print it")->required();
  pull->add_option("dir", arguments->dir, "a new folder, or one that was begun")
      ->type_name("DIR")
      ->required();
  pull->add_option("--frames", arguments->frames,
                   "references: with the frame that the job put around them (setting framing); "
                   "view: without, for models that see every image cut to its view (`afctl view`)")
      ->type_name("references|view")
      ->check(CLI::IsMember({"references", "view"}))
      ->capture_default_str();
  pull->add_option(
          "--format", arguments->format,
          "folder: masks with the source's label values. nnunet: an nnU-Net v2 dataset "
          "(give DIR as nnUNet_raw/Dataset501_NAME). imagefolder: masks with class numbers, "
          "and labels.txt. coco: as folder, and annotations/instances.json. dicom: secondary "
          "captures and segmentations, marked synthetic")
      ->type_name(absl::StrJoin(PairFormatNames(), "|"))
      ->check(CLI::IsMember(PairFormatNames()))
      ->capture_default_str();
  AddTimeoutOption(*pull, arguments->timeout_s);
  pull->callback([&chosen, arguments] {
    chosen = [arguments](Session& session) { return Pull(session, *arguments); };
  });
}

}  // namespace alignflow
