#include "server/fleet_metrics.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "prometheus/text_serializer.h"
#include "server/scheduler/task_kinds.h"
#include "server/scheduler/task_rules.h"

namespace alignflow {
namespace {

using testing::HasSubstr;

const absl::Time kFleetNow = absl::FromUnixSeconds(1000000);

class FleetMetricsTest : public testing::Test {
 protected:
  static FleetWorker Worker(const std::string& id, const std::string& device, bool open = true) {
    FleetWorker worker{.id = id, .abilities = {}, .open = open};
    worker.abilities.device = device;
    return worker;
  }
  static LiveState::Lease Lease(const std::string& worker, const std::string& kind,
                                absl::Time saved) {
    LiveState::Lease lease;
    lease.worker = worker;
    lease.kind = kind;
    lease.saved = saved;
    return lease;
  }
  std::string Text() const { return prometheus::TextSerializer().Serialize(registry_.Collect()); }

  prometheus::Registry registry_;
  FleetMetrics metrics_{registry_};
};

TEST_F(FleetMetricsTest, KindsAreThoseThatTasksAreOf) {
  for (const std::string& kind : TaskKinds()) EXPECT_FALSE(OutputRoles(kind).empty()) << kind;
}

TEST_F(FleetMetricsTest, WhatWaitsIsShownAndGoesAgain) {
  QueueLook queue;
  queue.tasks = {{{"fit", true}, 2}};
  queue.oldest = {{true, kFleetNow - absl::Seconds(90)}};
  metrics_.SetQueue(queue, kFleetNow);
  EXPECT_THAT(Text(), HasSubstr("alignflow_queued_tasks{kind=\"fit\",pretrained=\"yes\"} 2\n"));
  EXPECT_THAT(Text(), HasSubstr("alignflow_queued_tasks{kind=\"fit\",pretrained=\"no\"} 0\n"));
  EXPECT_THAT(Text(), HasSubstr("alignflow_oldest_queued_task_seconds{pretrained=\"yes\"} 90\n"));
  metrics_.SetQueue({}, kFleetNow);
  EXPECT_THAT(Text(), HasSubstr("alignflow_queued_tasks{kind=\"fit\",pretrained=\"yes\"} 0\n"));
  EXPECT_THAT(Text(), HasSubstr("alignflow_oldest_queued_task_seconds{pretrained=\"yes\"} 0\n"));
}

TEST_F(FleetMetricsTest, TimeOfWorkersIsCountedByKindAndDevice) {
  const Fleet fleet = {Worker("a", "cuda"), Worker("b", "cpu"), Worker("c", "cpu", false)};
  const std::vector<LiveState::Lease> leases = {
      Lease("a", "fit", kFleetNow), Lease("b", "fit", kFleetNow), Lease("gone", "fit", kFleetNow)};
  metrics_.SetWork(leases, fleet, kFleetNow);
  metrics_.SetWork(leases, fleet, kFleetNow + absl::Seconds(2));
  metrics_.SetWork({leases[0]}, fleet, kFleetNow + absl::Seconds(3));
  metrics_.SetWork({}, fleet, kFleetNow + absl::Seconds(60));
  metrics_.SetWork({leases[0]}, fleet, kFleetNow + absl::Hours(9));  // nobody looked for hours
  const std::string text = Text();
  EXPECT_THAT(text, HasSubstr("alignflow_worker_seconds_total{device=\"cuda\",kind=\"fit\"} 63\n"));
  EXPECT_THAT(text, HasSubstr("alignflow_worker_seconds_total{device=\"cpu\",kind=\"fit\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("alignflow_workers{device=\"cpu\",state=\"open\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("alignflow_workers{device=\"cpu\",state=\"closed\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("alignflow_workers{device=\"cuda\",state=\"open\"} 1\n"));
}

TEST_F(FleetMetricsTest, SpeedsOfAllWorkersAreAddedUp) {
  std::vector<LiveState::Lease> leases = {
      Lease("a", "fit", kFleetNow), Lease("b", "fit", kFleetNow), Lease("c", "rollout", kFleetNow)};
  leases[0].steps_per_second = 2;
  leases[1].steps_per_second = 3;
  leases[2].images_per_second = 4;
  metrics_.SetWork(leases, {}, kFleetNow);
  EXPECT_THAT(Text(), HasSubstr("alignflow_training_steps_per_second{kind=\"fit\"} 5\n"));
  EXPECT_THAT(Text(), HasSubstr("alignflow_images_per_second{kind=\"rollout\"} 4\n"));
  EXPECT_THAT(Text(), HasSubstr("alignflow_images_per_second{kind=\"generate\"} 0\n"));
}

TEST_F(FleetMetricsTest, TheCheckpointThatIsOldestCounts) {
  const Fleet fleet = {Worker("a", "cpu"), Worker("b", "cpu")};
  metrics_.SetWork({Lease("a", "align", kFleetNow - absl::Seconds(5)),
                    Lease("b", "align", kFleetNow - absl::Seconds(50))},
                   fleet, kFleetNow);
  EXPECT_THAT(Text(), HasSubstr("alignflow_checkpoint_age_seconds{kind=\"align\"} 50\n"));
  EXPECT_THAT(Text(), HasSubstr("alignflow_checkpoint_age_seconds{kind=\"fit\"} 0\n"));
  metrics_.SetWork({}, fleet, kFleetNow);
  EXPECT_THAT(Text(), HasSubstr("alignflow_checkpoint_age_seconds{kind=\"align\"} 0\n"));
}

}  // namespace
}  // namespace alignflow
