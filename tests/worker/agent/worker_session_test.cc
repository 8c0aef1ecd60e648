#include "worker/agent/worker_session.h"

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "common/settings/imported_presets.h"
#include "common/settings/result_version.h"
#include "common/settings/settings.h"
#include "gmock/gmock.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"
#include "gtest/gtest.h"
#include "tests/common/temp_folder.h"
#include "tests/worker/agent/fake_coordinator.h"
#include "worker/tasks/diverged.h"

namespace alignflow {
namespace {

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

using Outcome = absl::StatusOr<TaskOutputs>;

class WorkerSessionTest : public ::testing::Test {
 protected:
  WorkerSessionTest() : metrics_(registry_) {
    options_.display_name = "test";
    options_.device = "cpu";
    options_.work_folder = folder_.path() / "work";
    options_.lease_wait = absl::ZeroDuration();
    options_.backoff = {absl::Milliseconds(1), absl::Milliseconds(5), 0.0};
    options_.blobs.backoff = options_.backoff;
    options_.blobs.retry_for = absl::Minutes(1);
  }
  ~WorkerSessionTest() override { Stop(); }

  void StartWorker(std::shared_ptr<grpc::ChannelInterface> channel, TaskRunner runner) {
    cache_ = std::make_unique<BlobCache>(folder_.path(), 1 << 20);
    session_ = std::make_unique<WorkerSession>(WorkerSession::Channels{channel, channel, channel},
                                               options_, std::move(runner), *cache_, metrics_);
    thread_ = std::jthread([this] { result_ = session_->Run(); });
  }
  void Stop() {
    if (session_ == nullptr) return;
    session_->Stop();
    if (thread_.joinable()) thread_.join();
  }
  bool WaitForReports(size_t count) {
    return coordinator_.WaitFor([&] { return coordinator_.reports.size() >= count; });
  }
  double Count(const std::string& outcome) {
    for (const auto& family : registry_.Collect()) {
      if (family.name != "alignflow_worker_tasks_total") continue;
      for (const auto& metric : family.metric) {
        for (const auto& label : metric.label) {
          if (label.name == "outcome" && label.value == outcome) return metric.counter.value;
        }
      }
    }
    return 0;
  }

  TempFolder folder_;
  prometheus::Registry registry_;
  WorkerMetrics metrics_;
  WorkerSession::Options options_;
  FakeCoordinator coordinator_;
  std::unique_ptr<BlobCache> cache_;
  std::unique_ptr<WorkerSession> session_;
  absl::Status result_ = absl::UnknownError("still running");
  std::jthread thread_;
};

// Spins as a computation would, without yielding, until `done`. False after a minute.
bool Spin(const std::function<bool()>& done) {
  const absl::Time deadline = absl::Now() + absl::Minutes(1);
  while (!done()) {
    if (absl::Now() > deadline) return false;
  }
  return true;
}

TEST_F(WorkerSessionTest, LeasedTaskIsRunAndReportedWithItsOutputs) {
  coordinator_.Start();
  const std::string source = coordinator_.blobs.Put("source");
  coordinator_.Queue("key", 3, "", {{"source", source}});
  TaskSpec seen;
  StartWorker(
      coordinator_.InProcessChannel(), [&](const TaskSpec& spec, TaskContext& context) -> Outcome {
        seen = spec;
        EXPECT_EQ(ReadFile(context.Fetch(spec.inputs.at("source")).value()), "source");
        EXPECT_EQ(context.device(), "cpu");
        EXPECT_EQ(CountFiles(context.scratch()), 0);
        WriteFile(context.scratch() / "model", "weights");
        return TaskOutputs{{"model", context.StoreFile(context.scratch() / "model").value()},
                           {"pool", context.Store("pool").value()}};
      });
  ASSERT_TRUE(WaitForReports(1));
  Stop();
  EXPECT_TRUE(result_.ok()) << result_;
  EXPECT_EQ(seen.kind, "fit");
  EXPECT_THAT(seen.settings, ElementsAre(Pair("seed", "7")));
  const v1::ReportRequest& report = coordinator_.reports[0];
  EXPECT_EQ(report.task_key(), "key");
  EXPECT_EQ(report.attempt(), 3);
  EXPECT_THAT(report.success().outputs(),
              UnorderedElementsAre(Pair("model", Sha256OfString("weights")),
                                   Pair("pool", Sha256OfString("pool"))));
  EXPECT_EQ(coordinator_.blobs.Get(Sha256OfString("weights")), "weights");
  EXPECT_EQ(coordinator_.registrations[0].result_version(), kResultVersion);
  std::vector<std::string> presets = PresetNames();
  presets.insert(presets.end(), ImportedPresetNames().begin(), ImportedPresetNames().end());
  EXPECT_THAT(coordinator_.registrations[0].presets(), ElementsAreArray(presets));
  EXPECT_EQ(coordinator_.blobs.last_owner().lease().task_key(), "key");
  EXPECT_EQ(coordinator_.blobs.last_owner().lease().attempt(), 3);
  EXPECT_EQ(Count("success"), 1);
  EXPECT_EQ(CountFiles(options_.work_folder), 0) << "the task's folder is left behind";
}

TEST_F(WorkerSessionTest, ALongTaskDoesNotKeepAnswersFromBeingNoticed) {
  std::atomic<int> answers = 0;
  options_.on_answer = [&answers] { ++answers; };
  coordinator_.Start();
  coordinator_.Queue("key", 1);
  bool noticed = false;
  StartWorker(coordinator_.InProcessChannel(), [&](const TaskSpec&, TaskContext&) -> Outcome {
    noticed = Spin([&] { return answers >= 4; });  // two heartbeats as well
    return TaskOutputs{};
  });
  ASSERT_TRUE(WaitForReports(1));
  Stop();
  EXPECT_TRUE(noticed);
}

TEST_F(WorkerSessionTest, FailureSaysWhetherARetryIsUseless) {
  coordinator_.Start();
  coordinator_.Queue("bad input", 1);
  coordinator_.Queue("bad luck", 1);
  coordinator_.Queue("no such model", 1);
  coordinator_.Queue("too large", 1);
  coordinator_.Queue("diverged", 1);
  int runs = 0;
  StartWorker(coordinator_.InProcessChannel(), [&](const TaskSpec&, TaskContext&) -> Outcome {
    switch (runs++) {
      case 0:
        return absl::InvalidArgumentError("image 7 has no mask");
      case 1:
        return absl::InternalError("out of memory");
      case 2:
        return absl::FailedPreconditionError("no models folder");
      case 3:
        return absl::ResourceExhaustedError("18 GiB");
      default:
        absl::Status diverged = absl::InvalidArgumentError("the loss is not finite");
        diverged.SetPayload(kDiverged, {});
        return diverged;
    }
  });
  ASSERT_TRUE(WaitForReports(5));
  Stop();
  EXPECT_FALSE(coordinator_.reports[3].failure().diverged());
  EXPECT_TRUE(coordinator_.reports[4].failure().diverged());
  EXPECT_TRUE(coordinator_.reports[4].failure().permanent());
  EXPECT_TRUE(coordinator_.reports[2].failure().unsuited());
  EXPECT_FALSE(coordinator_.reports[2].failure().permanent());
  EXPECT_TRUE(coordinator_.reports[3].failure().out_of_memory());
  EXPECT_EQ(coordinator_.reports[0].failure().message(), "image 7 has no mask");
  EXPECT_TRUE(coordinator_.reports[0].failure().permanent());
  EXPECT_EQ(coordinator_.reports[1].failure().message(), "out of memory");
  EXPECT_FALSE(coordinator_.reports[1].failure().permanent());
}

TEST_F(WorkerSessionTest, HeartbeatsGoOnWhileATaskNeverYields) {
  coordinator_.Start();
  coordinator_.Queue("key", 1);
  std::atomic<bool> enough = false;
  StartWorker(
      coordinator_.InProcessChannel(), [&](const TaskSpec&, TaskContext& context) -> Outcome {
        context.Report({.step = 5, .total = 9, .values = {{"loss", 0.5}}, .note = "resized"});
        EXPECT_TRUE(Spin([&] { return enough.load(); }));
        return TaskOutputs{};
      });
  EXPECT_TRUE(coordinator_.WaitFor([&] {
    return coordinator_.heartbeats.size() >= 20 &&
           coordinator_.heartbeats.back().progress().step() == 5;
  }));
  enough = true;
  ASSERT_TRUE(WaitForReports(1));
  Stop();
  const v1::Progress& progress = coordinator_.heartbeats.back().progress();
  EXPECT_EQ(progress.total(), 9);
  EXPECT_EQ(progress.values().at("loss"), 0.5);
  EXPECT_EQ(progress.note(), "resized");
}

TEST_F(WorkerSessionTest, CancelledTaskStopsAndIsHandedBackWithItsLastCheckpoint) {
  coordinator_.Start();
  coordinator_.Queue("key", 1);
  StartWorker(coordinator_.InProcessChannel(),
              [&](const TaskSpec&, TaskContext& context) -> Outcome {
                WriteFile(context.scratch() / "c", "step 1");
                EXPECT_TRUE(context.SaveCheckpoint(context.scratch() / "c").ok());
                coordinator_.CancelTasks();
                EXPECT_TRUE(Spin([&] { return context.Cancelled(); }));
                WriteFile(context.scratch() / "c", "step 2");
                EXPECT_TRUE(context.SaveCheckpoint(context.scratch() / "c").ok());
                return absl::CancelledError("cancelled");
              });
  ASSERT_TRUE(WaitForReports(1));
  Stop();
  EXPECT_EQ(coordinator_.reports[0].handed_back().checkpoint_sha256(), Sha256OfString("step 2"));
  EXPECT_EQ(coordinator_.blobs.Get(Sha256OfString("step 2")), "step 2");
  EXPECT_EQ(Count("handed_back"), 1);
}

TEST_F(WorkerSessionTest, StopHandsTheRunningTaskBackAndEndsTheSession) {
  coordinator_.Start();
  coordinator_.Queue("key", 1);
  std::atomic<bool> running = false;
  StartWorker(coordinator_.InProcessChannel(),
              [&](const TaskSpec&, TaskContext& context) -> Outcome {
                running = true;
                EXPECT_TRUE(Spin([&] { return context.Cancelled(); }));
                return absl::CancelledError("stopped");
              });
  ASSERT_TRUE(Spin([&] { return running.load(); }));
  Stop();
  EXPECT_TRUE(result_.ok()) << result_;
  ASSERT_EQ(coordinator_.reports.size(), 1);
  EXPECT_TRUE(coordinator_.reports[0].has_handed_back());
}

TEST_F(WorkerSessionTest, CheckpointIsAnnouncedOnceItsBytesAreThere) {
  coordinator_.Start();
  coordinator_.Queue("key", 1);
  const std::string digest = Sha256OfString("half way");
  StartWorker(coordinator_.InProcessChannel(),
              [&](const TaskSpec&, TaskContext& context) -> Outcome {
                WriteFile(context.scratch() / "c", "half way");
                EXPECT_TRUE(context.SaveCheckpoint(context.scratch() / "c").ok());
                EXPECT_TRUE(coordinator_.WaitFor([&] {
                  return !coordinator_.heartbeats.empty() &&
                         coordinator_.heartbeats.back().checkpoint_sha256() == digest;
                }));
                EXPECT_EQ(coordinator_.blobs.Get(digest), "half way");
                return TaskOutputs{};
              });
  ASSERT_TRUE(WaitForReports(1));
}

TEST_F(WorkerSessionTest, NextLeaseResumesFromTheCheckpointOfAnyWorker) {
  coordinator_.Start();
  coordinator_.Queue("with", 2, coordinator_.blobs.Put("half way"));
  coordinator_.Queue("lost", 2, Sha256OfString("never written"));
  coordinator_.Queue("without", 1);
  std::vector<std::string> loaded;
  StartWorker(coordinator_.InProcessChannel(),
              [&](const TaskSpec&, TaskContext& context) -> Outcome {
                const auto file = context.LoadCheckpoint();
                EXPECT_TRUE(file.ok()) << file.status();
                loaded.push_back(file->has_value() ? ReadFile(**file) : "none");
                return TaskOutputs{};
              });
  ASSERT_TRUE(WaitForReports(3));
  EXPECT_THAT(loaded, ElementsAre("half way", "none", "none"));
}

TEST_F(WorkerSessionTest, StaleAttemptIsDroppedWithoutAReport) {
  coordinator_.Start();
  coordinator_.Queue("taken", 1);
  coordinator_.Queue("next", 1);
  int runs = 0;
  StartWorker(coordinator_.InProcessChannel(),
              [&](const TaskSpec&, TaskContext& context) -> Outcome {
                if (runs++ > 0) return TaskOutputs{};
                coordinator_.Supersede("taken");
                EXPECT_TRUE(Spin([&] { return context.Cancelled(); }));
                // Nothing of a lost task is sent any more.
                EXPECT_TRUE(absl::IsCancelled(context.Store("late").status()));
                return absl::CancelledError("lost");
              });
  ASSERT_TRUE(WaitForReports(1));
  Stop();
  EXPECT_EQ(coordinator_.reports.size(), 1);
  EXPECT_EQ(coordinator_.reports[0].task_key(), "next");
  EXPECT_EQ(Count("dropped"), 1);
}

TEST_F(WorkerSessionTest, ResultOfAnAttemptSupersededAtTheEndIsDropped) {
  coordinator_.Start();
  coordinator_.Queue("taken", 1);
  coordinator_.Queue("next", 1);
  int runs = 0;
  StartWorker(coordinator_.InProcessChannel(), [&](const TaskSpec&, TaskContext&) -> Outcome {
    if (runs++ == 0) coordinator_.Supersede("taken");
    return TaskOutputs{};
  });
  ASSERT_TRUE(WaitForReports(1));
  Stop();
  EXPECT_EQ(coordinator_.reports[0].task_key(), "next");
  EXPECT_EQ(Count("dropped"), 1);
}

TEST_F(WorkerSessionTest, UnknownWorkerRegistersAgainAndKeepsItsTask) {
  coordinator_.Start();
  coordinator_.Queue("key", 1);
  StartWorker(coordinator_.InProcessChannel(),
              [&](const TaskSpec&, TaskContext& context) -> Outcome {
                coordinator_.ForgetWorkers();
                EXPECT_TRUE(coordinator_.WaitFor([&] {
                  return !coordinator_.heartbeats.empty() &&
                         coordinator_.heartbeats.back().worker_id() == "worker-2";
                }));
                EXPECT_FALSE(context.Cancelled());
                return TaskOutputs{};
              });
  ASSERT_TRUE(WaitForReports(1));
  Stop();
  EXPECT_EQ(coordinator_.reports[0].worker_id(), "worker-2");
}

TEST_F(WorkerSessionTest, TaskOutlivesACoordinatorThatCrashesAndComesBack) {
  const std::string address = "unix:" + (folder_.path() / "socket").string();
  coordinator_.Start(address);
  coordinator_.Queue("key", 1);
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 10);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 100);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 100);
  std::atomic<bool> running = false, go_on = false;
  StartWorker(grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments),
              [&](const TaskSpec&, TaskContext& context) -> Outcome {
                running = true;
                EXPECT_TRUE(Spin([&] { return go_on.load(); }));
                EXPECT_FALSE(context.Cancelled());
                // Begins while nobody listens, and waits.
                absl::StatusOr<std::string> stored = context.Store("result");
                if (!stored.ok()) return stored.status();
                return TaskOutputs{{"model", *stored}};
              });
  ASSERT_TRUE(Spin([&] { return running.load(); }));
  coordinator_.Crash();
  go_on = true;
  coordinator_.Start(address);
  ASSERT_TRUE(WaitForReports(1));
  Stop();
  EXPECT_EQ(coordinator_.reports[0].attempt(), 1);
  EXPECT_THAT(coordinator_.reports[0].success().outputs(),
              ElementsAre(Pair("model", Sha256OfString("result"))));
  EXPECT_EQ(coordinator_.blobs.Get(Sha256OfString("result")), "result");
}

TEST_F(WorkerSessionTest, BlobThatDoesNotMatchItsDigestFailsTheTask) {
  coordinator_.Start();
  const std::string digest = coordinator_.blobs.PutAs(Sha256OfString("right"), "wrong");
  coordinator_.Queue("key", 1);
  StartWorker(coordinator_.InProcessChannel(),
              [&](const TaskSpec&, TaskContext& context) -> Outcome {
                return context.Fetch(digest).status();
              });
  ASSERT_TRUE(WaitForReports(1));
  Stop();
  EXPECT_THAT(coordinator_.reports[0].failure().message(), HasSubstr(digest));
  EXPECT_FALSE(coordinator_.reports[0].failure().permanent());
}

TEST_F(WorkerSessionTest, PrefetchedBlobsAreNotFetchedAgain) {
  coordinator_.Start();
  std::vector<std::string> digests;
  for (int i = 0; i < 20; ++i) digests.push_back(coordinator_.blobs.Put(absl::StrCat("blob ", i)));
  digests.push_back(digests[0]);
  coordinator_.Queue("key", 1);
  StartWorker(
      coordinator_.InProcessChannel(), [&](const TaskSpec&, TaskContext& context) -> Outcome {
        EXPECT_TRUE(context.Prefetch(digests).ok());
        EXPECT_EQ(ReadFile(context.Fetch(digests[7]).value()), "blob 7");
        EXPECT_TRUE(absl::IsNotFound(context.Prefetch({digests[1], Sha256OfString("absent")})));
        return TaskOutputs{};
      });
  ASSERT_TRUE(WaitForReports(1));
  EXPECT_EQ(coordinator_.blobs.reads(), 21);
}

TEST_F(WorkerSessionTest, CoordinatorOfAnotherVersionEndsTheSessionWithItsReason) {
  coordinator_.RefuseRegistration(
      {grpc::StatusCode::FAILED_PRECONDITION, "result version 1, not 2: update the older program"});
  coordinator_.Start();
  StartWorker(coordinator_.InProcessChannel(),
              [](const TaskSpec&, TaskContext&) -> Outcome { return TaskOutputs{}; });
  thread_.join();
  EXPECT_TRUE(absl::IsFailedPrecondition(result_));
  EXPECT_THAT(std::string(result_.message()), HasSubstr("update the older program"));
}

TEST_F(WorkerSessionTest, CoordinatorThatNeverComesDoesNotKeepTheWorkerFromStopping) {
  const std::string address = "unix:" + (folder_.path() / "nobody").string();
  StartWorker(grpc::CreateChannel(address, grpc::InsecureChannelCredentials()),
              [](const TaskSpec&, TaskContext&) -> Outcome { return TaskOutputs{}; });
  Stop();
  EXPECT_TRUE(result_.ok()) << result_;
}

TEST_F(WorkerSessionTest, WorkerThatStopsGivesUpReportingToACoordinatorThatIsGone) {
  const std::string address = "unix:" + (folder_.path() / "socket").string();
  coordinator_.Start(address);
  coordinator_.Queue("key", 1);
  options_.hand_back_within = absl::Milliseconds(20);
  std::atomic<bool> running = false;
  StartWorker(grpc::CreateChannel(address, grpc::InsecureChannelCredentials()),
              [&](const TaskSpec&, TaskContext& context) -> Outcome {
                running = true;
                EXPECT_TRUE(Spin([&] { return context.Cancelled(); }));
                WriteFile(context.scratch() / "c", "last words");
                context.SaveCheckpoint(context.scratch() / "c").IgnoreError();
                return absl::CancelledError("stopped");
              });
  ASSERT_TRUE(Spin([&] { return running.load(); }));
  coordinator_.Crash();
  Stop();
  EXPECT_TRUE(result_.ok()) << result_;
  EXPECT_THAT(coordinator_.reports, IsEmpty());
}

TEST_F(WorkerSessionTest, SilentCoordinatorCostsACheckpointAndNotTheTask) {
  coordinator_.Start();
  coordinator_.Queue("key", 1);
  options_.blobs.rpc_deadline = absl::Milliseconds(20);
  options_.blobs.slowest_bytes_per_second = int64_t{1} << 40;
  StartWorker(coordinator_.InProcessChannel(),
              [&](const TaskSpec&, TaskContext& context) -> Outcome {
                WriteFile(context.scratch() / "c", "half way");
                coordinator_.blobs.Hang();
                EXPECT_TRUE(context.SaveCheckpoint(context.scratch() / "c").ok());
                EXPECT_TRUE(absl::IsDeadlineExceeded(context.Store("result").status()));
                coordinator_.blobs.Release();
                return TaskOutputs{};
              });
  ASSERT_TRUE(WaitForReports(1));
  Stop();
  for (const v1::HeartbeatRequest& beat : coordinator_.heartbeats) {
    EXPECT_EQ(beat.checkpoint_sha256(), "");
  }
}

TEST_F(WorkerSessionTest, AFullCoordinatorIsWaitedForAndCostsNoTask) {
  coordinator_.Start();
  coordinator_.Queue("key", 1);
  options_.blobs.backoff = {.initial = absl::Milliseconds(1), .maximum = absl::Milliseconds(2)};
  StartWorker(coordinator_.InProcessChannel(),
              [&](const TaskSpec&, TaskContext& context) -> Outcome {
                coordinator_.blobs.FillFor(3);
                const auto stored = context.Store("result");
                EXPECT_TRUE(stored.ok()) << stored.status();
                return TaskOutputs{};
              });
  ASSERT_TRUE(WaitForReports(1));
  Stop();
  EXPECT_TRUE(coordinator_.reports.front().has_success());
}

TEST_F(WorkerSessionTest, ACoordinatorThatStaysFullIsNoLackOfTheWorkersMemory) {
  coordinator_.Start();
  coordinator_.Queue("key", 1);
  options_.blobs.retry_for = absl::ZeroDuration();
  StartWorker(coordinator_.InProcessChannel(),
              [&](const TaskSpec&, TaskContext& context) -> Outcome {
                coordinator_.blobs.FillFor(1000);
                WriteFile(context.scratch() / "c", "half way");
                EXPECT_TRUE(context.SaveCheckpoint(context.scratch() / "c").ok());
                return context.Store("result").status();
              });
  ASSERT_TRUE(WaitForReports(1));
  Stop();
  ASSERT_TRUE(coordinator_.reports.front().has_failure());
  EXPECT_FALSE(coordinator_.reports.front().failure().out_of_memory());
  EXPECT_THAT(coordinator_.reports.front().failure().message(), HasSubstr("no space left"));
}

}  // namespace
}  // namespace alignflow
