#include "client/new_job.h"

#include <CLI/CLI.hpp>

#include "absl/random/random.h"
#include "absl/strings/str_cat.h"
#include "client/call.h"
#include "client/interrupt.h"
#include "client/job_text.h"
#include "client/job_watch.h"
#include "client/message_json.h"
#include "client/patience.h"
#include "client/settings_help.h"
#include "client/text_table.h"
#include "client/upload.h"
#include "common/status_conversion.h"

namespace alignflow {
namespace {

constexpr absl::Duration kCreatePatience = absl::Seconds(10);
constexpr int kMostPairs = 1'000'000;

}  // namespace

void AddNewJobOptions(CLI::App& command, NewJobOptions& options) {
  command.add_option("--set", options.settings, "a setting, see below; may be repeated")
      ->type_name("KEY=VALUE")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  command.add_option("--name", options.name, "what the job is called, for people")
      ->type_name("TEXT");
  command
      .add_option("--label", options.labels,
                  "a label to find the job by (`afctl job list --label`); may be repeated")
      ->type_name("NAME=VALUE")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  command
      .add_option("--priority", options.priority,
                  "-100 to 100, 0 if not given: the work of jobs with a higher one is done first")
      ->type_name("N")
      ->check(CLI::Range(-kMaxJobPriority, kMaxJobPriority));
  command.add_flag("--wait", options.wait, "show progress until the job has ended");
  AddTimeoutOption(command, options.timeout_s);
  command.footer(SettingsHelp);
}

absl::Status ReadNewJobOptions(const NewJobOptions& options,
                               const std::vector<std::pair<std::string, std::string>>& shortcuts,
                               JobRequest& request) {
  for (const std::string& text : options.settings) {
    absl::Status added = AddSetting(text, request.settings);
    if (!added.ok()) return added;
  }
  for (const auto& [setting, value] : shortcuts) {
    if (value.empty()) continue;
    absl::Status added = AddSetting(absl::StrCat(setting, "=", value), request.settings);
    if (!added.ok()) return added;
  }
  auto labels = ParseJobLabels(options.labels);
  if (!labels.ok()) return labels.status();
  request.labels = *std::move(labels);
  request.name = options.name;
  request.priority = options.priority;
  return absl::OkStatus();
}

absl::Status CheckPairs(int pairs) {
  if (pairs >= 1 && pairs <= kMostPairs) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("--pairs is ", pairs, ": give 1 to 1,000,000"));
}

v1::CreateJobRequest CreationOf(const JobRequest& request) {
  v1::CreateJobRequest creation;
  creation.set_display_name(request.name.value_or(""));
  creation.mutable_labels()->insert(request.labels.begin(), request.labels.end());
  creation.set_priority(request.priority.value_or(0));
  creation.mutable_spec()->set_preset(request.preset.value_or(""));
  creation.mutable_spec()->mutable_settings()->insert(request.settings.begin(),
                                                      request.settings.end());
  return creation;
}

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

absl::StatusOr<v1::Job> CreateJob(const Stubs& stubs, v1::CreateJobRequest request) {
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

absl::StatusOr<Result> AfterCreation(Session& session, const Stubs& stubs, const v1::Job& job,
                                     const NewJobOptions& options,
                                     const std::vector<std::vector<std::string>>& next) {
  PrintWarnings({job.warnings().begin(), job.warnings().end()}, session.console);
  if (options.wait) {
    session.console.err << "created " << job.name() << std::endl;
    return FollowJob(session, *stubs.jobs, job.name(), absl::Seconds(options.timeout_s));
  }
  if (!session.json) {
    std::vector<std::vector<std::string>> rows = {
        {"  " + session.Command("job watch " + job.name()), "its progress"}};
    for (const std::vector<std::string>& row : next) {
      rows.push_back({"  " + session.Command(row.at(0)), row.at(1)});
    }
    session.console.err << "The job runs without this command. What is next:\n"
                        << TableText(rows) << std::flush;
  }
  return Result{.document = ToJson(job), .text = absl::StrCat(job.name(), "\n")};
}

}  // namespace alignflow
