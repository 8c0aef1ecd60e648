#include <CLI/CLI.hpp>
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/call.h"
#include "client/commands.h"
#include "client/doctor.h"
#include "client/paging.h"
#include "client/server_words.h"
#include "client/text_table.h"
#include "common/listen_address.h"

namespace alignflow {
namespace {

// Nothing has to be looked up for long.
constexpr absl::Duration kLookDeadline = absl::Seconds(10);
constexpr int kJobsPage = 1000;

std::string HealthWord(Health health) {
  switch (health) {
    case Health::kWell:
      return "ok";
    case Health::kWarning:
      return "warning";
    case Health::kProblem:
      return "problem";
  }
  return "";
}

// As Session::Connect speaks.
bool SpeaksTls(const Session& session) {
  const absl::StatusOr<HostPort> address = ParseHostPort(session.server);
  return (address.ok() && !address->IsLoopback()) || !session.security.ca_file.empty();
}

// What was not answered: that a key may not ask is no fault.
Finding NotSeen(const std::string& check, const absl::Status& status) {
  if (absl::IsPermissionDenied(status)) {
    return {.check = check, .text = "not looked at: your key may not"};
  }
  return {.check = check,
          .health = Health::kProblem,
          .text = absl::StrCat("no answer: ", InUsersWords(status)),
          .remedy = "try again; the coordinator's log may say more"};
}

Finding LookAtQueue(v1::Jobs::StubInterface& jobs) {
  const auto list = [&](v1::JobState state, int size) {
    v1::ListJobsRequest request;
    request.add_states(state);
    request.set_oldest_first(true);
    request.set_page_size(size);
    return Call(jobs, &v1::Jobs::StubInterface::ListJobs, request, kLookDeadline);
  };
  const auto queued = list(v1::JOB_STATE_QUEUED, kJobsPage);
  if (!queued.ok()) return NotSeen("queue", queued.status());
  const auto running = list(v1::JOB_STATE_RUNNING, 1);
  if (!running.ok()) return NotSeen("queue", running.status());
  return CheckQueue({queued->jobs().begin(), queued->jobs().end()},
                    !queued->next_page_token().empty(), running->jobs_size() > 0);
}

Result Tell(const std::vector<Finding>& findings) {
  Result result{.document = {{"checks", Json::array()}}, .text = {}};
  std::vector<std::vector<std::string>> rows = {{"CHECK", "", "WHAT", "WHAT TO DO"}};
  int64_t unwell = 0;
  Health worst = Health::kWell;
  for (const Finding& finding : findings) {
    worst = std::max(worst, finding.health);
    unwell += finding.health != Health::kWell;
    result.document["checks"].push_back({{"check", finding.check},
                                         {"health", HealthWord(finding.health)},
                                         {"text", finding.text},
                                         {"remedy", finding.remedy}});
    rows.push_back({finding.check, HealthWord(finding.health), finding.text, finding.remedy});
  }
  result.document["health"] = HealthWord(worst);
  result.text = TableText(rows);
  if (unwell > 0) {
    result.failure = absl::FailedPreconditionError(
        absl::StrCat(unwell, " of ", findings.size(),
                     unwell == 1 ? " checks needs" : " checks need", " somebody to look after it"));
  }
  return result;
}

absl::StatusOr<Result> Examine(Session& session) {
  auto stubs = session.Connect();
  if (!stubs.ok()) return stubs.status();
  const absl::Time asked = absl::Now();
  const auto info = Call(*stubs->server, &v1::Server::StubInterface::GetServerInfo,
                         v1::GetServerInfoRequest(), kLookDeadline);
  const absl::Time answered = absl::Now();
  if (!info.ok()) {
    Result result =
        Tell({{.check = "server",
               .health = Health::kProblem,
               .text = absl::StrCat(session.server, " does not let us in, or is not there"),
               .remedy = "see below"}});
    result.failure = info.status();  // which tells the exit code
    return result;
  }
  std::vector<Finding> findings = {CheckServing(*info), CheckVersions(*info),
                                   CheckClock(*info, asked, answered),
                                   CheckEncryption(*info, SpeaksTls(session), answered)};
  const auto caller = Call(*stubs->server, &v1::Server::StubInterface::GetCaller,
                           v1::GetCallerRequest(), kLookDeadline);
  findings.push_back(caller.ok() ? CheckCaller(*caller, answered)
                                 : NotSeen("you", caller.status()));
  const auto workers = ListAll<v1::Worker>(
      *stubs->fleet, &v1::Fleet::StubInterface::ListWorkers, v1::ListWorkersRequest(),
      [](v1::ListWorkersResponse& page) { return page.mutable_workers(); });
  findings.push_back(workers.ok() ? CheckWorkers(*workers) : NotSeen("workers", workers.status()));
  findings.push_back(CheckDisk(*info));
  findings.push_back(LookAtQueue(*stubs->jobs));
  return Tell(findings);
}

}  // namespace

void AddDoctorCommand(CLI::App& app, Action& chosen) {
  CLI::App* command = app.add_subcommand(
      "doctor",
      "check the coordinator, its workers, its disk, your rights, clocks and certificates, and say "
      "what to do; ends with 0 only if all is well");
  command->callback([&chosen] { chosen = Examine; });
}

}  // namespace alignflow
