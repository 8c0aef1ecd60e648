#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>

#include "absl/random/random.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "client/call.h"
#include "client/commands.h"
#include "client/image_options.h"
#include "client/interrupt.h"
#include "client/job_file.h"
#include "client/job_text.h"
#include "client/job_watch.h"
#include "client/sent_files.h"
#include "client/settings_help.h"
#include "client/text_table.h"
#include "client/upload.h"
#include "common/settings/settings.h"
#include "worker/volumes/volume_folder.h"

namespace alignflow {
namespace {

struct AlignArguments {
  JobRequest flags;
  std::string file;
  std::vector<std::string> settings;     // "key=value"
  std::string method, masks, segmenter;  // settings with options of their own; empty: not given
  bool no_gates = false;
  std::vector<std::string> labels;  // "name=value"
  ImageOptions images;
  bool wait = false;
  double timeout_s = kDefaultTimeoutSeconds;
};

constexpr absl::Duration kCreatePatience = absl::Seconds(10);

// What was asked for in all, checked as far as it can be without the server.
absl::StatusOr<JobRequest> Gather(const AlignArguments& arguments) {
  JobRequest flags = arguments.flags;
  for (const std::string& text : arguments.settings) {
    absl::Status added = AddSetting(text, flags.settings);
    if (!added.ok()) return added;
  }
  const std::pair<const char*, std::string> options[] = {
      {"method", arguments.method},
      {"masks.kind", arguments.masks},
      {"evaluate.segmenter", arguments.segmenter},
      {"gates.enabled", arguments.no_gates ? "off" : ""}};
  for (const auto& [setting, value] : options) {
    if (value.empty()) continue;
    absl::Status added = AddSetting(absl::StrCat(setting, "=", value), flags.settings);
    if (!added.ok()) return added;
  }
  auto labels = ParseJobLabels(arguments.labels);
  if (!labels.ok()) return labels.status();
  flags.labels = *std::move(labels);
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
  if (*request.pairs < 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("--pairs is ", *request.pairs, ": give 1 to 1,000,000"));
  }
  const std::string preset = request.preset.value_or(PresetNames().front());
  const auto resolved = ResolveSettings(preset, request.settings);
  if (!resolved.ok()) return resolved.status();
  return request;
}

// A dataset that an option names.
absl::StatusOr<v1::Dataset> FindDataset(const std::string& option, const std::string& given,
                                        v1::Datasets::StubInterface& datasets) {
  auto name = ResourceName("datasets", given);
  if (!name.ok()) return Annotate(name.status(), option);
  v1::GetDatasetRequest request;
  request.set_name(*name);
  auto dataset = Call(datasets, &v1::Datasets::StubInterface::GetDataset, request);
  if (!absl::IsNotFound(dataset.status())) return dataset;
  return absl::NotFoundError(absl::StrCat(option, ": there is no dataset ", given,
                                          "; `afctl dataset list` shows those there are, `afctl "
                                          "dataset push` adds one"));
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

// What can be done with a job that runs by itself.
void SayWhatIsNext(const Session& session, const std::string& job) {
  const std::vector<std::vector<std::string>> rows = {
      {"  " + session.Command("job watch " + job), "its progress"},
      {"  " + session.Command("report " + job + " -o report.html"),
       "its report, once it has ended"},
      {"  " + session.Command("pairs pull " + job + " pairs/"), "its pairs, as they come"}};
  session.console.err << "The job runs without this command. What is next:\n"
                      << TableText(rows) << std::flush;
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

// With a request id of our own, so that a lost answer does not leave a second job.
absl::StatusOr<v1::Job> Create(const Stubs& stubs, v1::CreateJobRequest request) {
  const InterruptNote note("`afctl job list` shows whether the job was created");
  absl::BitGen random;
  request.set_upload_id(stubs.upload_id);
  request.set_request_id(absl::StrCat("afctl-", absl::Hex(random(), absl::kZeroPad16),
                                      absl::Hex(random(), absl::kZeroPad16)));
  Patience patience(kCreatePatience, [](const std::string&) {});
  while (true) {
    auto job = Call(*stubs.jobs, &v1::Jobs::StubInterface::CreateJob, request);
    if (job.ok()) return job;
    absl::Status go_on = patience.AfterFailure(job.status());
    if (!go_on.ok()) return absl::IsDeadlineExceeded(go_on) ? job.status() : go_on;
  }
}

absl::StatusOr<Result> Align(Session& session, const AlignArguments& arguments) {
  auto request = Gather(arguments);
  if (!request.ok()) return request.status();
  const auto import = ParseImageOptions(arguments.images);
  if (!import.ok()) return import.status();
  auto stubs = session.Connect();
  if (!stubs.ok()) return stubs.status();
  v1::CreateJobRequest creation;
  creation.set_display_name(request->name.value_or(""));
  creation.mutable_labels()->insert(request->labels.begin(), request->labels.end());
  creation.set_priority(request->priority.value_or(0));
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
  spec.set_preset(request->preset.value_or(""));
  spec.mutable_settings()->insert(request->settings.begin(), request->settings.end());
  const auto references = SendReferences(*request->references, *import, session, *stubs->blobs);
  if (!references.ok()) return references.status();
  AddReferences(*references, spec);
  int longest_side = LongerSide(source->largest());
  for (const FolderItem& item : references->folder.items) {
    longest_side = std::max({longest_side, item.width, item.height});
  }
  SuggestLargerPreset(*request, longest_side, session.console);
  auto job = Create(*stubs, creation);
  if (!job.ok()) {
    return WithPaths(job.status(), references->folder.items, references->files);
  }
  PrintWarnings({job->warnings().begin(), job->warnings().end()}, session.console);
  if (!arguments.wait) {
    if (!session.json) SayWhatIsNext(session, job->name());
    return Result{.document = ToJson(*job), .text = absl::StrCat(job->name(), "\n")};
  }
  session.console.err << "created " << job->name() << std::endl;
  return FollowJob(session, *stubs->jobs, job->name(), absl::Seconds(arguments.timeout_s));
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
  command->add_option("--set", arguments->settings, "a setting, see below; may be repeated")
      ->type_name("KEY=VALUE")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  command
      ->add_option("-f", arguments->file,
                   "job file with source, references, target, pairs, preset, settings, name, "
                   "labels, priority; options override it")
      ->type_name("job.yaml");
  command->add_option("--name", flags.name, "what the job is called, for people")
      ->type_name("TEXT");
  command
      ->add_option("--label", arguments->labels,
                   "a label to find the job by (`afctl job list --label`); may be repeated")
      ->type_name("NAME=VALUE")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  command
      ->add_option("--priority", flags.priority,
                   "-100 to 100, 0 if not given: the work of jobs with a higher one is done first")
      ->type_name("N")
      ->check(CLI::Range(-kMaxJobPriority, kMaxJobPriority));
  AddImageOptions(*command, arguments->images);
  command->add_flag("--wait", arguments->wait, "show progress until the job has ended");
  AddTimeoutOption(*command, arguments->timeout_s);
  command->footer(SettingsHelp);
  command->callback([&chosen, arguments] {
    chosen = [arguments](Session& session) { return Align(session, *arguments); };
  });
}

}  // namespace alignflow
