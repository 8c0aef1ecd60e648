#include "benchmarks/coordinator/played_workers.h"

#include <algorithm>
#include <memory>

#include "absl/strings/str_cat.h"
#include "common/settings/result_version.h"
#include "common/settings/settings.h"
#include "server/scheduler/task_rules.h"
#include "tests/server/fake_results.h"
#include "tests/server/grey_png.h"

namespace alignflow {
namespace {

constexpr int kBeatingThreads = 4;
constexpr absl::Duration kBeat = absl::Seconds(1);

}  // namespace

std::string PlayedWorkers::Register() {
  v1::RegisterRequest request;
  request.set_display_name("played");
  request.set_device("cpu");
  request.set_result_version(kResultVersion);
  v1::RegisterResponse response;
  Require(Service::Call(service_.workers(), &v1::Workers::Stub::Register, request, response),
          "register");
  return response.worker_id();
}

void PlayedWorkers::Lease(Worker& worker) {
  v1::LeaseRequest request;
  request.set_worker_id(worker.id);
  worker.lease.Clear();
  const absl::Status leased = samples_.Time("Lease" + suffix_, [&] {
    return Service::Call(service_.workers(), &v1::Workers::Stub::Lease, request, worker.lease);
  });
  Require(leased, "lease");
}

int PlayedWorkers::TakeTasks(int workers) {
  int taken = 0;
  for (int i = 0; i < workers; ++i) {
    Worker worker{.id = Register(), .lease = {}};
    Lease(worker);
    if (!worker.lease.has_task()) break;
    ++taken;
    absl::MutexLock lock(&mutex_);
    busy_.push_back(std::move(worker));
  }
  return taken;
}

void PlayedWorkers::Wait(Waiting& waiting) {
  waiting.context = std::make_unique<grpc::ClientContext>();
  waiting.request.set_worker_id(waiting.id);
  waiting.request.mutable_wait()->set_seconds(30);
  ++open_;
  service_.workers().async()->Lease(
      waiting.context.get(), &waiting.request, &waiting.response,
      [this, &waiting](grpc::Status status) {
        if (status.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED) ++refused_;
        if (status.ok() && waiting.response.has_task()) ++woken_;
        const bool again = status.ok() && !waiting.response.has_task() && !stopping_;
        if (again) Wait(waiting);
        --open_;
      });
}

void PlayedWorkers::WaitForTasks(int workers) {
  for (int i = 0; i < workers; ++i) {
    waiting_.push_back({.id = Register(), .context = nullptr, .request = {}, .response = {}});
    Wait(waiting_.back());
  }
}

void PlayedWorkers::Beat(const Worker& worker) {
  v1::HeartbeatRequest request;
  request.set_worker_id(worker.id);
  request.set_task_key(worker.lease.task().key());
  request.set_attempt(worker.lease.attempt());
  request.mutable_progress()->set_step(1);
  request.mutable_progress()->set_total(10);
  (*request.mutable_progress()->mutable_values())["loss"] = 0.5;
  v1::HeartbeatResponse response;
  // A task that was reported meanwhile is no longer this worker's.
  (void)samples_.Time("Heartbeat", [&] {
    return Service::Call(service_.workers(), &v1::Workers::Stub::Heartbeat, request, response);
  });
}

void PlayedWorkers::StartBeating() {
  for (int thread = 0; thread < kBeatingThreads; ++thread) {
    threads_.emplace_back([this, thread] {
      while (!stopping_) {
        std::vector<Worker> mine;
        {
          absl::MutexLock lock(&mutex_);
          for (size_t i = thread; i < busy_.size(); i += kBeatingThreads) mine.push_back(busy_[i]);
        }
        const absl::Time round = absl::Now();
        for (size_t i = 0; i < mine.size() && !stopping_; ++i) {
          // Spread over the second, as those of real workers are.
          absl::SleepFor(round + kBeat * static_cast<double>(i) / static_cast<double>(mine.size()) -
                         absl::Now());
          Beat(mine[i]);
        }
        absl::SleepFor(round + kBeat - absl::Now());
      }
    });
  }
}

std::string PlayedWorkers::OutputOf(const v1::Task& task, const std::string& role) {
  if (role != "pairs") {
    return FakeResult({.kind = task.kind(),
                       .settings = {task.settings().begin(), task.settings().end()},
                       .inputs = {task.inputs().begin(), task.inputs().end()}},
                      task.key(), role);
  }
  const std::string image = service_.Upload(GreyPng(4, 4, 7)).sha256();
  std::string lines;
  const int last = std::stoi(task.settings().at("last_pair"));
  for (int pair = std::stoi(task.settings().at("first_pair")); pair <= last; ++pair) {
    absl::StrAppend(&lines, R"({"pair":)", pair, R"(,"image":")", image, R"(","mask":")", image,
                    R"(","record":{"seed":0,"synthetic":"recoloured"}})", "\n");
  }
  return lines;
}

void PlayedWorkers::Work(int tasks) {
  for (int done = 0; done < tasks; ++done) {
    Worker worker;
    {
      absl::MutexLock lock(&mutex_);
      if (busy_.empty()) return;
      worker = busy_[done % busy_.size()];
    }
    v1::ReportRequest request;
    request.set_worker_id(worker.id);
    request.set_task_key(worker.lease.task().key());
    request.set_attempt(worker.lease.attempt());
    for (const std::string& role : OutputRoles(worker.lease.task().kind())) {
      (*request.mutable_success()->mutable_outputs())[role] =
          service_.Upload(OutputOf(worker.lease.task(), role)).sha256();
    }
    v1::ReportResponse response;
    Require(samples_.Time("Report" + suffix_,
                          [&] {
                            return Service::Call(service_.workers(), &v1::Workers::Stub::Report,
                                                 request, response);
                          }),
            "report");
    Lease(worker);
    absl::MutexLock lock(&mutex_);
    const size_t at = done % busy_.size();
    if (worker.lease.has_task()) {
      busy_[at] = worker;
    } else {
      busy_.erase(busy_.begin() + static_cast<std::ptrdiff_t>(at));
    }
  }
}

void PlayedWorkers::Stop() {
  stopping_ = true;
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
  for (Waiting& waiting : waiting_) waiting.context->TryCancel();
  while (open_ > 0) absl::SleepFor(absl::Milliseconds(10));
}

}  // namespace alignflow
