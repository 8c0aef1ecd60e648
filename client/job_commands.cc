#include <CLI/CLI.hpp>
#include <memory>

#include "absl/strings/str_cat.h"
#include "client/call.h"
#include "client/commands.h"
#include "client/job_text.h"
#include "client/job_watch.h"
#include "client/paging.h"
#include "client/text_table.h"
#include "client/timestamps.h"

namespace alignflow {
namespace {

using JobStub = v1::Jobs::StubInterface;

std::string StateCell(const v1::Job& job) {
  std::string state = StateWord(job.state());
  for (const v1::Stage& stage : job.stages()) {
    if (stage.state() == v1::STAGE_STATE_RUNNING) absl::StrAppend(&state, " (", stage.id(), ")");
  }
  return state;
}

absl::StatusOr<Result> ListJobs(Session& session) {
  auto stubs = session.Connect();
  if (!stubs.ok()) return stubs.status();
  auto jobs = ListAll<v1::Job>(*stubs->jobs, &JobStub::ListJobs, v1::ListJobsRequest(),
                               [](v1::ListJobsResponse& page) { return page.mutable_jobs(); });
  if (!jobs.ok()) return jobs.status();
  Result result{.document = {{"jobs", Json::array()}}, .text = {}};
  std::vector<std::vector<std::string>> rows = {
      {"NAME", "STATE", "SOURCE", "REFERENCES", "PAIRS", "CREATED"}};
  for (const v1::Job& job : *jobs) {
    result.document["jobs"].push_back(ToJson(job));
    rows.push_back({job.name(), StateCell(job), job.spec().source(),
                    absl::StrCat(job.spec().references_size()),
                    absl::StrCat(job.pairs_ready(), "/", job.spec().pairs() - job.pairs_left_out()),
                    LocalTimeText(job.create_time())});
  }
  result.text = TableText(rows, {3, 4});
  return result;
}

absl::StatusOr<Result> GetJob(Session& session, const std::string& given) {
  auto found = ResourceName("jobs", given);
  if (!found.ok()) return found.status();
  const std::string& name = *found;
  auto stubs = session.Connect();
  if (!stubs.ok()) return stubs.status();
  v1::GetJobRequest request;
  request.set_name(name);
  auto job = Call(*stubs->jobs, &JobStub::GetJob, request);
  if (!job.ok()) return job.status();
  auto report = FetchReport(*stubs->jobs, name);
  if (!report.ok()) return report.status();
  return JobResult(*job, *report, session.console.out_width);
}

absl::StatusOr<Result> Watch(Session& session, const std::string& given, double timeout_s) {
  auto name = ResourceName("jobs", given);
  if (!name.ok()) return name.status();
  auto stubs = session.Connect();
  if (!stubs.ok()) return stubs.status();
  return FollowJob(session, *stubs->jobs, *name, absl::Seconds(timeout_s));
}

absl::StatusOr<Result> Cancel(Session& session, const std::string& given) {
  auto name = ResourceName("jobs", given);
  if (!name.ok()) return name.status();
  auto stubs = session.Connect();
  if (!stubs.ok()) return stubs.status();
  v1::CancelJobRequest request;
  request.set_name(*name);
  auto job = Call(*stubs->jobs, &JobStub::CancelJob, request);
  if (!job.ok()) return job.status();
  return Result{.document = ToJson(*job),
                .text = absl::StrCat(job->name(), " ", StateWord(job->state()), "\n")};
}

}  // namespace

void AddTimeoutOption(CLI::App& command, double& seconds) {
  command
      .add_option("--timeout", seconds, "give up once the coordinator has been silent for so long")
      ->type_name("SECONDS")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
}

void AddJobCommands(CLI::App& app, Action& chosen) {
  CLI::App* group = app.add_subcommand("job", "jobs: what became of `align`");
  group->require_subcommand(1);

  CLI::App* list = group->add_subcommand("list", "list all jobs, newest first");
  list->callback([&chosen] { chosen = ListJobs; });

  auto name = std::make_shared<std::string>();
  const auto add = [&](const std::string& command, const std::string& help) {
    CLI::App* added = group->add_subcommand(command, help);
    added->add_option("job", *name, "as `align` and `job list` print it")->required();
    return added;
  };
  add("get", "show a job, the time of each stage, and the figures once they are there")
      ->callback([&chosen, name] {
        chosen = [name](Session& session) { return GetJob(session, *name); };
      });

  auto timeout_s = std::make_shared<double>(kDefaultTimeoutSeconds);
  CLI::App* watch = add("watch", "show a job's progress until it has ended");
  AddTimeoutOption(*watch, *timeout_s);
  watch->callback([&chosen, name, timeout_s] {
    chosen = [name, timeout_s](Session& session) { return Watch(session, *name, *timeout_s); };
  });

  add("cancel", "stop a job; pairs made so far stay")->callback([&chosen, name] {
    chosen = [name](Session& session) { return Cancel(session, *name); };
  });
}

}  // namespace alignflow
