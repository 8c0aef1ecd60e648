#include <unistd.h>

#include <memory>

#include "absl/random/random.h"
#include "absl/strings/str_cat.h"
#include "client/call.h"
#include "client/commands.h"
#include "client/job_file.h"
#include "client/job_text.h"
#include "client/job_watch.h"
#include "client/sent_files.h"
#include "client/settings_help.h"
#include "client/upload.h"
#include "common/settings/settings.h"

namespace alignflow {
namespace {

struct AlignArguments {
  JobRequest flags;
  std::string file;
  std::vector<std::string> settings;     // "key=value"
  std::string method, masks, segmenter;  // settings with options of their own; empty: not given
  bool no_gates = false;
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
  const std::string preset = request.preset.value_or(PresetNames().front());
  const auto resolved = ResolveSettings(preset, request.settings);
  if (!resolved.ok()) return resolved.status();
  return request;
}

// The references as they were read and sent.
struct SentReferences {
  ImageFolder folder;
  DescribedFolder files;
};

absl::StatusOr<SentReferences> SendReferences(const std::string& dir, Session& session,
                                              BlobClient& blobs) {
  Counter counter(session.console);
  auto folder = ScanReferences(dir, CountChecked(counter));
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
absl::StatusOr<v1::Job> Create(v1::Jobs::StubInterface& jobs, const v1::AlignSpec& spec) {
  absl::BitGen random;
  v1::CreateJobRequest request;
  *request.mutable_spec() = spec;
  request.set_request_id(absl::StrCat("afctl-", absl::Hex(random(), absl::kZeroPad16),
                                      absl::Hex(random(), absl::kZeroPad16)));
  Patience patience(kCreatePatience, [](const std::string&) {});
  while (true) {
    auto job = Call(jobs, &v1::Jobs::StubInterface::CreateJob, request);
    if (job.ok()) return job;
    absl::Status go_on = patience.AfterFailure(job.status());
    if (!go_on.ok()) return absl::IsDeadlineExceeded(go_on) ? job.status() : go_on;
  }
}

absl::StatusOr<Result> Align(Session& session, const AlignArguments& arguments) {
  auto request = Gather(arguments);
  if (!request.ok()) return request.status();
  auto stubs = session.Connect();
  if (!stubs.ok()) return stubs.status();
  v1::AlignSpec spec;
  spec.set_source(ResourceName("datasets", *request->source));
  if (request->target) spec.set_target(ResourceName("datasets", *request->target));
  spec.set_pairs(*request->pairs);
  spec.set_preset(request->preset.value_or(""));
  spec.mutable_settings()->insert(request->settings.begin(), request->settings.end());
  const auto references = SendReferences(*request->references, session, *stubs->blobs);
  if (!references.ok()) return references.status();
  AddReferences(*references, spec);
  auto job = Create(*stubs->jobs, spec);
  if (!job.ok()) {
    return WithPaths(job.status(), references->folder.items, references->files);
  }
  PrintWarnings({job->warnings().begin(), job->warnings().end()}, session.console);
  if (!arguments.wait) {
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
  command->add_option("--preset", flags.preset, "network and defaults")->type_name("NAME");
  command
      ->add_option("--method", arguments->method,
                   "how pairs are made: alignflow, controlnet-fm, reinhard, fda (setting method)")
      ->type_name("NAME");
  command
      ->add_option("--masks", arguments->masks,
                   "masks of the pairs: real, synthetic, both (setting masks.kind)")
      ->type_name("KIND");
  command
      ->add_option("--segmenter", arguments->segmenter,
                   "segmentation model of the downstream evaluation on --target, or none (setting "
                   "evaluate.segmenter)")
      ->type_name("NAME");
  command->add_flag("--no-gates", arguments->no_gates,
                    "hand out every pair, also those that ignore their mask or copy a real image "
                    "(setting gates.enabled=off, which the report shows)");
  command->add_option("--set", arguments->settings, "a setting, see below; may be repeated")
      ->type_name("KEY=VALUE")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  command
      ->add_option("-f", arguments->file,
                   "job file with source, references, target, pairs, preset, settings; options "
                   "override it")
      ->type_name("job.yaml");
  command->add_flag("--wait", arguments->wait, "show progress until the job has ended");
  AddTimeoutOption(*command, arguments->timeout_s);
  command->footer(SettingsHelp);
  command->callback([&chosen, arguments] {
    chosen = [arguments](Session& session) { return Align(session, *arguments); };
  });
}

}  // namespace alignflow
