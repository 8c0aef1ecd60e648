#include <CLI/CLI.hpp>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/call.h"
#include "client/commands.h"
#include "client/job_file.h"
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

struct ListArguments {
  std::optional<int> limit;  // 0: all
  std::vector<std::string> states;
  std::vector<std::string> labels;  // "name=value"
  bool oldest_first = false;
};

constexpr int kJobsOnATerminal = 20;
const std::map<std::string, v1::JobState> kStates = {{"queued", v1::JOB_STATE_QUEUED},
                                                     {"running", v1::JOB_STATE_RUNNING},
                                                     {"succeeded", v1::JOB_STATE_SUCCEEDED},
                                                     {"failed", v1::JOB_STATE_FAILED},
                                                     {"cancelled", v1::JOB_STATE_CANCELLED}};

absl::StatusOr<Result> ListJobs(Session& session, const ListArguments& arguments) {
  v1::ListJobsRequest request;
  request.set_oldest_first(arguments.oldest_first);
  for (const std::string& state : arguments.states) request.add_states(kStates.at(state));
  auto labels = ParseJobLabels(arguments.labels);
  if (!labels.ok()) return labels.status();
  request.mutable_labels()->insert(labels->begin(), labels->end());
  // A program gets all; a person the newest, unless asked for more.
  const bool person = session.console.out_width > 0 && !session.json;
  const int limit = arguments.limit.value_or(person ? kJobsOnATerminal : 0);
  auto stubs = session.Connect();
  if (!stubs.ok()) return stubs.status();
  auto jobs = ListAll<v1::Job>(
      *stubs->jobs, &JobStub::ListJobs, request,
      [](v1::ListJobsResponse& page) { return page.mutable_jobs(); },
      limit == 0 ? SIZE_MAX : static_cast<size_t>(limit));
  if (!jobs.ok()) return jobs.status();
  Result result{.document = {{"jobs", Json::array()}}, .text = {}};
  std::vector<std::vector<std::string>> rows = {
      {"NAME", "STATE", "SOURCE", "REFERENCES", "PAIRS", "CREATED", "CALLED"}};
  for (const v1::Job& job : *jobs) {
    result.document["jobs"].push_back(ToJson(job));
    const bool fits = job.spec().kind() == v1::JOB_KIND_FIT;
    rows.push_back(
        {job.name(), StateCell(job), job.spec().source(),
         absl::StrCat(job.spec().references_size()),
         fits ? "a model"
              : absl::StrCat(job.pairs_ready(), "/", job.spec().pairs() - job.pairs_left_out()),
         LocalTimeText(job.create_time()), job.display_name()});
  }
  result.text = TableText(rows, {3, 4});
  if (person && !arguments.limit && static_cast<int>(jobs->size()) == limit) {
    session.console.err << "note: the " << limit << " "
                        << (arguments.oldest_first ? "oldest" : "newest")
                        << " jobs; --limit N shows more, --limit 0 all\n";
  }
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
  return JobResult(*stubs->jobs, *job, session.console.out_width);
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

// With a request id of our own, so that a lost answer does not leave a second job.
absl::StatusOr<Result> Rerun(Session& session, const std::string& given, const std::string& stage) {
  auto name = ResourceName("jobs", given);
  if (!name.ok()) return name.status();
  auto stubs = session.Connect();
  if (!stubs.ok()) return stubs.status();
  v1::RerunJobRequest request;
  request.set_name(*name);
  request.set_stage(stage);
  request.set_request_id(stubs->upload_id);
  auto job = Call(*stubs->jobs, &JobStub::RerunJob, request);
  if (!job.ok()) return job.status();
  return Result{.document = ToJson(*job), .text = absl::StrCat(job->name(), "\n")};
}

struct DistrustArguments {
  std::string job, stage, reason;
  bool dry_run = false;
};

absl::StatusOr<Result> Distrust(Session& session, const DistrustArguments& arguments) {
  auto name = ResourceName("jobs", arguments.job);
  if (!name.ok()) return name.status();
  auto stubs = session.Connect();
  if (!stubs.ok()) return stubs.status();
  v1::DistrustResultsRequest request;
  request.set_name(*name);
  request.set_stage(arguments.stage);
  request.set_reason(arguments.reason);
  request.set_validate_only(arguments.dry_run);
  auto found = Call(*stubs->jobs, &JobStub::DistrustResults, request);
  if (!found.ok()) return found.status();
  std::vector<std::vector<std::string>> rows = {{"RESULTS", "OF"}};
  const std::map<std::string, int64_t> by_kind(found->results().begin(), found->results().end());
  for (const auto& [kind, count] : by_kind) rows.push_back({absl::StrCat(count), kind});
  return Result{
      .document = ToJson(*found),
      .text = absl::StrCat(
          arguments.dry_run ? "would be declared bad:\n" : "declared bad:\n", TableText(rows, {0}),
          "jobs with them: ", absl::StrJoin(found->jobs(), ", "), "\n",
          found->models().empty()
              ? ""
              : absl::StrCat("models among them: ", absl::StrJoin(found->models(), ", "), "\n"))};
}

absl::StatusOr<Result> Delete(Session& session, const std::vector<std::string>& given) {
  auto stubs = session.Connect();
  if (!stubs.ok()) return stubs.status();
  Result result{.document = {{"deleted", Json::array()}}, .text = {}};
  for (const std::string& job : given) {
    auto name = ResourceName("jobs", job);
    if (!name.ok()) return name.status();
    v1::DeleteJobRequest request;
    request.set_name(*name);
    auto deleted = Call(*stubs->jobs, &JobStub::DeleteJob, request);
    if (!deleted.ok()) return deleted.status();
    result.document["deleted"].push_back(*name);
    absl::StrAppend(&result.text, "deleted ", *name, "\n");
  }
  return result;
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

  CLI::App* list = group->add_subcommand("list", "list jobs, newest first");
  auto listed = std::make_shared<ListArguments>();
  list->add_option("--limit", listed->limit,
                   "how many at most, 0 for all; otherwise 20 on a terminal, and all in a file or "
                   "with --json")
      ->type_name("N")
      ->check(CLI::NonNegativeNumber);
  list->add_option("--state", listed->states, "only jobs in this state; may be repeated")
      ->type_name("STATE")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->check(CLI::IsMember(kStates));
  list->add_option("--label", listed->labels, "only jobs with this label; may be repeated")
      ->type_name("NAME=VALUE")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  list->add_flag("--oldest-first", listed->oldest_first, "list the oldest first");
  list->callback([&chosen, listed] {
    chosen = [listed](Session& session) { return ListJobs(session, *listed); };
  });

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

  auto stage = std::make_shared<std::string>();
  CLI::App* rerun = add("rerun", "start a finished job anew; prints the new job");
  rerun
      ->add_option("--stage", *stage,
                   "stage whose results are made again; the others are reused where they are whole")
      ->type_name("STAGE");
  rerun->callback([&chosen, name, stage] {
    chosen = [name, stage](Session& session) { return Rerun(session, *name, *stage); };
  });

  auto distrust = std::make_shared<DistrustArguments>();
  CLI::App* bad = group->add_subcommand(
      "distrust", "declare a stage's results bad, and what was made from them in any job");
  bad->add_option("job", distrust->job, "as `align` and `job list` print it")->required();
  bad->add_option("--stage", distrust->stage, "as `job get` names it")
      ->type_name("STAGE")
      ->required();
  bad->add_option("--reason", distrust->reason, "for those who meet the results")
      ->type_name("TEXT")
      ->required();
  bad->add_flag("--dry-run", distrust->dry_run, "show what would be declared bad, change nothing");
  bad->callback([&chosen, distrust] {
    chosen = [distrust](Session& session) { return Distrust(session, *distrust); };
  });

  add("cancel", "stop a job; pairs made so far stay")->callback([&chosen, name] {
    chosen = [name](Session& session) { return Cancel(session, *name); };
  });

  auto names = std::make_shared<std::vector<std::string>>();
  CLI::App* remove = group->add_subcommand(
      "delete",
      "delete jobs that have ended, with the pairs, models and report that no other job has");
  remove->add_option("jobs", *names, "as `align` and `job list` print them")->required();
  remove->callback(
      [&chosen, names] { chosen = [names](Session& session) { return Delete(session, *names); }; });
}

}  // namespace alignflow
