#include <CLI/CLI.hpp>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "client/call.h"
#include "client/commands.h"
#include "client/paging.h"
#include "client/text_table.h"
#include "client/timestamps.h"

namespace alignflow {
namespace {

using FleetStub = v1::Fleet::StubInterface;

// "WORKER_STATE_IDLE" as "idle".
std::string StateWord(v1::WorkerState state) {
  const std::string name = v1::WorkerState_Name(state);
  return absl::AsciiStrToLower(absl::StripPrefix(name, "WORKER_STATE_"));
}

// What it computes, or why it does not.
std::string DetailsOf(const v1::Worker& worker) {
  if (worker.state() == v1::WORKER_STATE_QUARANTINED) {
    return absl::StrCat("until ", LocalTimeText(worker.quarantine_end_time()), ": ",
                        worker.reason());
  }
  if (worker.task_kind().empty()) return "";
  return absl::StrCat(worker.task_kind(), worker.job().empty() ? "" : " for ", worker.job());
}

std::string ModelsOf(const v1::Worker& worker) {
  return absl::StrJoin(worker.models(), ", ", [](std::string* out, const v1::ModelFolder& model) {
    absl::StrAppend(out, model.name());
  });
}

// Models of one name that are not the same files: results would depend on the worker.
void WarnOfModels(const std::vector<v1::Worker>& workers, Console& console) {
  std::map<std::string, std::set<std::string>> fingerprints;
  for (const v1::Worker& worker : workers) {
    for (const v1::ModelFolder& model : worker.models()) {
      fingerprints[model.name()].insert(model.fingerprint());
    }
  }
  for (const auto& [name, found] : fingerprints) {
    if (found.size() == 1) continue;
    console.err << "warning: the model folder " << Printable(name)
                << " does not hold the same files on all workers; results would depend on which "
                   "worker computes them"
                << std::endl;
  }
}

absl::StatusOr<Result> ListWorkers(Session& session) {
  auto stubs = session.Connect();
  if (!stubs.ok()) return stubs.status();
  auto workers =
      ListAll<v1::Worker>(*stubs->fleet, &FleetStub::ListWorkers, v1::ListWorkersRequest(),
                          [](v1::ListWorkersResponse& page) { return page.mutable_workers(); });
  if (!workers.ok()) return workers.status();
  WarnOfModels(*workers, session.console);
  Result result{.document = {{"workers", Json::array()}}, .text = {}};
  std::vector<std::vector<std::string>> rows = {
      {"NAME", "HOST", "STATE", "DEVICE", "MEMORY", "MODELS", "DOES"}};
  for (const v1::Worker& worker : *workers) {
    result.document["workers"].push_back(ToJson(worker));
    rows.push_back({worker.name(), worker.display_name(), StateWord(worker.state()),
                    worker.device(),
                    worker.memory_bytes() > 0 ? BytesText(worker.memory_bytes()) : "",
                    ModelsOf(worker), DetailsOf(worker)});
  }
  result.text = TableText(rows, {4});
  return result;
}

absl::StatusOr<Result> SetMode(Session& session, const std::string& name, v1::WorkerMode mode) {
  auto resource = ResourceName("workers", name);
  if (!resource.ok()) return resource.status();
  auto stubs = session.Connect();
  if (!stubs.ok()) return stubs.status();
  v1::SetWorkerModeRequest request;
  request.set_name(*resource);
  request.set_mode(mode);
  auto worker = Call(*stubs->fleet, &FleetStub::SetWorkerMode, request);
  if (!worker.ok()) return worker.status();
  return Result{.document = ToJson(*worker),
                .text = absl::StrCat(worker->name(), " ", StateWord(worker->state()), "\n")};
}

}  // namespace

void AddWorkerCommands(CLI::App& app, Action& chosen) {
  CLI::App* group = app.add_subcommand("worker", "the workers that compute");
  group->require_subcommand(1);
  group->add_subcommand("list", "list the connected workers and what they do")->callback([&chosen] {
    chosen = ListWorkers;
  });
  auto name = std::make_shared<std::string>();
  const auto add = [&](const char* command, const char* help, v1::WorkerMode mode) {
    CLI::App* added = group->add_subcommand(command, help);
    added->add_option("worker", *name, "as `worker list` prints it")->required();
    added->callback([&chosen, name, mode] {
      chosen = [name, mode](Session& session) { return SetMode(session, *name, mode); };
    });
  };
  add("cordon", "give a worker no new task; it finishes the one that it has",
      v1::WORKER_MODE_CORDONED);
  add("drain", "give a worker no new task and have it hand back the one that it has",
      v1::WORKER_MODE_DRAINING);
  add("uncordon", "give a worker tasks again; ends a quarantine, too", v1::WORKER_MODE_OPEN);
}

}  // namespace alignflow
