#include <CLI/CLI.hpp>
#include <limits>
#include <memory>

#include "absl/strings/str_cat.h"
#include "client/commands.h"
#include "client/interrupt.h"
#include "client/output_file.h"
#include "common/counted.h"
#include "worker/data/phantom.h"
#include "worker/volumes/volume_phantom.h"

namespace alignflow {
namespace {

struct PhantomArguments {
  std::string dir, kind, domain;
  PhantomOptions options;
};

// What was written: how large each pair is, and its labels.
struct Written {
  std::string size, labels;
};

absl::StatusOr<Written> WritePictures(const PhantomArguments& arguments, PhantomOptions options) {
  auto kind = ParsePhantomKind(arguments.kind);
  if (!kind.ok()) return kind.status();
  options.kind = *kind;
  absl::Status written = WritePhantoms(options, arguments.dir);
  if (!written.ok()) return written;
  return Written{.size = absl::StrCat(options.size, "x", options.size),
                 .labels = PhantomLabels(options.kind).ToString()};
}

absl::StatusOr<Written> WriteVolumes(const PhantomArguments& arguments,
                                     const PhantomOptions& options) {
  const VolumePhantomOptions volumes{
      .domain = options.domain, .count = options.count, .seed = options.seed, .size = options.size};
  absl::Status written = WriteVolumePhantoms(volumes, arguments.dir);
  if (!written.ok()) return written;
  const VolumeGrid grid = MakeVolumePhantom(volumes, 0).image.grid;
  return Written{.size = absl::StrCat(grid.size[0], "x", grid.size[1], "x", grid.size[2]),
                 .labels = VolumePhantomLabels().ToString()};
}

absl::StatusOr<Result> MakePhantoms(const PhantomArguments& arguments) {
  PhantomOptions options = arguments.options;
  auto domain = ParsePhantomDomain(arguments.domain);
  if (!domain.ok()) return domain.status();
  options.domain = *domain;
  absl::Status folder = CheckOutputFolder(arguments.dir);
  if (!folder.ok()) return folder;
  const InterruptNote note(
      absl::StrCat(arguments.dir, " is incomplete: remove it before you use the name again"));
  const auto written = arguments.kind == "volume" ? WriteVolumes(arguments, options)
                                                  : WritePictures(arguments, options);
  if (!written.ok()) return written.status();
  return Result{
      .document = {{"dir", arguments.dir},
                   {"count", options.count},
                   {"size", options.size},
                   {"labels", written->labels}},
      .text = absl::StrCat("wrote ", Counted(options.count, "pair"), " of ", written->size, " to ",
                           arguments.dir, "; labels ", written->labels, "\n")};
}

}  // namespace

void AddPhantomCommand(CLI::App& app, Action& chosen) {
  CLI::App* command = app.add_subcommand(
      "phantom", "make up images with masks for a try-out: nothing in them comes from a patient");
  auto arguments = std::make_shared<PhantomArguments>();
  PhantomOptions& options = arguments->options;
  command->add_option("dir", arguments->dir, "folder to write images/ and masks/ to")
      ->type_name("DIR")
      ->required();
  command->add_option("--kind", arguments->kind, "what is shown")
      ->type_name("fundus|polyp|volume")
      ->required();
  command->add_option("--domain", arguments->domain, "the scanner")
      ->type_name("source|target-a|target-b")
      ->required();
  command->add_option("--count", options.count, "number of pairs")->type_name("N")->required();
  command->add_option("--seed", options.seed, "the same seed gives the same masks in every domain")
      ->type_name("N")
      ->required();
  command->add_option("--size", options.size, "side in pixels, or in voxels")
      ->type_name("N")
      ->capture_default_str();
  command->callback([&chosen, arguments] {
    chosen = [arguments](Session&) { return MakePhantoms(*arguments); };
  });
}

}  // namespace alignflow
