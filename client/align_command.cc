#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "client/commands.h"
#include "client/image_options.h"
#include "client/job_file.h"
#include "client/new_job.h"
#include "client/sent_files.h"
#include "client/settings_help.h"
#include "client/upload.h"
#include "common/settings/settings.h"
#include "common/status_conversion.h"
#include "worker/volumes/volume_folder.h"

namespace alignflow {
namespace {

struct AlignArguments {
  JobRequest flags;
  std::string file;
  NewJobOptions job;
  std::string method, masks, segmenter;  // settings with options of their own; empty: not given
  bool no_gates = false;
  ImageOptions images;
};

// What was asked for in all, checked as far as it can be without the server.
absl::StatusOr<JobRequest> Gather(const AlignArguments& arguments) {
  JobRequest flags = arguments.flags;
  absl::Status read = ReadNewJobOptions(arguments.job,
                                        {{"method", arguments.method},
                                         {"masks.kind", arguments.masks},
                                         {"evaluate.segmenter", arguments.segmenter},
                                         {"gates.enabled", arguments.no_gates ? "off" : ""}},
                                        flags);
  if (!read.ok()) return read;
  JobRequest request = flags;
  if (!arguments.file.empty()) {
    auto file = ReadJobFile(arguments.file);
    if (!file.ok()) return file.status();
    request = Merge(*file, flags);
  }
  const auto missing = [](const std::string& option) {
    return absl::InvalidArgumentError(
        absl::StrCat("--", option, " is missing: give it, or `", option, ":` in a job file (-f)"));
  };
  if (!request.source) return missing("source");
  if (!request.references) return missing("references");
  if (!request.pairs) return missing("pairs");
  if (absl::Status pairs = CheckPairs(*request.pairs); !pairs.ok()) return pairs;
  const std::string preset = request.preset.value_or(PresetNames().front());
  const auto resolved = ResolveSettings(preset, request.settings);
  if (!resolved.ok()) return resolved.status();
  return request;
}

// The longer side of "384x288"; 0 for another text.
int LongerSide(const std::string& size) {
  const std::pair<std::string, std::string> sides = absl::StrSplit(size, 'x');
  int width = 0, height = 0;
  if (!absl::SimpleAtoi(sides.first, &width) || !absl::SimpleAtoi(sides.second, &height)) return 0;
  return std::max(width, height);
}

// Small pairs are a surprise to those who give large images.
void SuggestLargerPreset(const JobRequest& request, int longest_side, Console& console) {
  constexpr int kSmall = 64, kLarge = 128;
  if (request.preset.value_or(PresetNames().front()) != "unet-64" || longest_side <= kLarge) return;
  console.err << "note: the images are up to " << longest_side
              << " pixels wide or high; with the preset unet-64 pairs come back at " << kSmall
              << "x" << kSmall << ", with --preset unet-128 at " << kLarge << "x" << kLarge
              << ", which takes longer" << std::endl;
}

// The references as they were read and sent.
struct SentReferences {
  ImageFolder folder;
  DescribedFolder files;
};

absl::StatusOr<SentReferences> SendReferences(const std::string& dir, const ImportOptions& import,
                                              Session& session, BlobClient& blobs) {
  Counter counter(session.console);
  auto folder = ScanAnyReferences(dir, CountChecked(counter), import);
  counter.End();
  if (!folder.ok()) return Annotate(folder.status(), "--references");
  PrintFindings(*folder, session.console);
  auto files = DescribeFolder(*folder, session.console);
  if (!files.ok()) return files.status();
  auto sent = UploadFolder(*files, blobs, session.console);
  if (!sent.ok()) return WithPaths(sent.status(), folder->items, *files);
  return SentReferences{.folder = *std::move(folder), .files = *std::move(files)};
}

void AddReferences(const SentReferences& sent, v1::AlignSpec& spec) {
  for (size_t i = 0; i < sent.folder.items.size(); ++i) {
    v1::ReferenceImage* reference = spec.add_references();
    reference->set_stem(sent.folder.items[i].name);
    reference->set_group(sent.folder.items[i].group);
    SetDigest(sent.files.images[i].blob, *reference->mutable_image());
    if (const auto& known = sent.folder.items[i].facts.fingerprint) {
      reference->set_fingerprint(FingerprintBytes(*known));
    }
  }
  if (sent.folder.sample_bits != kAllSampleBits) {
    spec.set_reference_sample_bits(sent.folder.sample_bits);
  }
}

absl::StatusOr<Result> Align(Session& session, const AlignArguments& arguments) {
  auto request = Gather(arguments);
  if (!request.ok()) return request.status();
  const auto import = ParseImageOptions(arguments.images);
  if (!import.ok()) return import.status();
  auto stubs = session.Connect();
  if (!stubs.ok()) return stubs.status();
  v1::CreateJobRequest creation = CreationOf(*request);
  v1::AlignSpec& spec = *creation.mutable_spec();
  auto source = FindDataset("--source", *request->source, *stubs->datasets);
  if (!source.ok()) return source.status();
  spec.set_source(source->name());
  if (request->target) {
    auto target = FindDataset("--target", *request->target, *stubs->datasets);
    if (!target.ok()) return target.status();
    spec.set_target(target->name());
  }
  spec.set_pairs(*request->pairs);
  const auto references = SendReferences(*request->references, *import, session, *stubs->blobs);
  if (!references.ok()) return references.status();
  AddReferences(*references, spec);
  int longest_side = LongerSide(source->largest());
  for (const FolderItem& item : references->folder.items) {
    longest_side = std::max({longest_side, item.width, item.height});
  }
  SuggestLargerPreset(*request, longest_side, session.console);
  auto job = CreateJob(*stubs, std::move(creation));
  if (!job.ok()) {
    return WithPaths(job.status(), references->folder.items, references->files);
  }
  return AfterCreation(
      session, *stubs, *job, arguments.job,
      {{"report " + job->name() + " -o report.html", "its report, once it has ended"},
       {"pairs pull " + job->name() + " pairs/", "its pairs, as they come"}});
}

}  // namespace

void AddAlignCommand(CLI::App& app, Action& chosen) {
  CLI::App* command = app.add_subcommand(
      "align", "make image-mask pairs: the masks of a source dataset, the look of the references");
  auto arguments = std::make_shared<AlignArguments>();
  JobRequest& flags = arguments->flags;
  command->add_option("--source", flags.source, "dataset to learn from")->type_name("NAME");
  command->add_option("--references", flags.references, "folder of images to look like")
      ->type_name("DIR");
  command
      ->add_option("--target", flags.target,
                   "dataset of held-out target images to compute figures against; never trained "
                   "on")
      ->type_name("NAME");
  command->add_option("--pairs", flags.pairs, "number of pairs to make")->type_name("N");
  command->add_option("--preset", flags.preset, "network and defaults")
      ->type_name(absl::StrJoin(PresetNames(), "|"));
  command->add_option("--method", arguments->method, "how pairs are made (setting method)")
      ->type_name(ChoicesOf("method"));
  command->add_option("--masks", arguments->masks, "masks of the pairs (setting masks.kind)")
      ->type_name(ChoicesOf("masks.kind"));
  command
      ->add_option("--segmenter", arguments->segmenter,
                   "segmentation model of the downstream evaluation on --target (setting "
                   "evaluate.segmenter)")
      ->type_name(ChoicesOf("evaluate.segmenter"));
  command->add_flag("--no-gates", arguments->no_gates,
                    "hand out every pair, also those that ignore their mask or copy a real image "
                    "(setting gates.enabled=off, which the report shows)");
  command
      ->add_option("-f", arguments->file,
                   "job file with source, references, target, pairs, preset, settings, name, "
                   "labels, priority; options override it")
      ->type_name("job.yaml");
  AddImageOptions(*command, arguments->images);
  AddNewJobOptions(*command, arguments->job);
  command->callback([&chosen, arguments] {
    chosen = [arguments](Session& session) { return Align(session, *arguments); };
  });
}

}  // namespace alignflow
