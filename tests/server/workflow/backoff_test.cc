#include "common/digest.h"
#include "gtest/gtest.h"
#include "server/blobs/folder_blobs.h"
#include "server/metrics.h"
#include "server/workflow/workflow.h"
#include "tests/common/temp_folder.h"
#include "tests/server/test_database.h"

namespace alignflow {
namespace {

const absl::Time kBackoffStart = absl::FromUnixSeconds(1000000);

bool Always() { return true; }

// A workflow with one job and one worker; time is the test's.
class BackoffTest : public testing::Test {
 protected:
  BackoffTest() {
    DatasetRecord dataset;
    dataset.id = "polyps";
    dataset.digest = Sha256OfString("manifest");
    EXPECT_TRUE(workflow_.RegisterDataset(dataset, {}).ok());
    JobRecord job;
    job.source = dataset.id;
    job.source_digest = dataset.digest;
    job.references_digest = Sha256OfString("references");
    job.pairs = 1;
    job.preset = "unet-64";
    job.settings = PresetDefaults(job.preset).value();
    EXPECT_TRUE(workflow_.CreateJob(job, {}, {}, kBackoffStart).ok());
    EXPECT_TRUE(workers_.Add("w", "test", {}, WorkerMode::kOpen, kBackoffStart).ok());
  }

  std::optional<TaskRecord> Lease(absl::Time now) {
    return workflow_.Lease("w", Always, now).value();
  }

  TempFolder folder_;
  const TestCatalog place_{folder_.path() / "catalog.sqlite"};
  std::unique_ptr<Catalog> catalog_ = place_.Open();
  std::unique_ptr<BlobStore> blobs_ = FolderBlobs::Open(folder_.path() / "blobs").value();
  WorkerRegistry workers_;
  ServerMetrics metrics_;
  Workflow workflow_{*catalog_, *blobs_, workers_, metrics_, LeasePolicy()};
};

TEST_F(BackoffTest, AFailedTaskWaitsAndThenWakesAWorker) {
  const std::optional<TaskRecord> task = Lease(kBackoffStart);
  ASSERT_TRUE(task.has_value());
  ASSERT_TRUE(workflow_
                  .ReportFailure({.worker = "w", .task_key = task->key, .attempt = task->attempt},
                                 {.message = "no"}, kBackoffStart)
                  .ok());
  EXPECT_FALSE(Lease(kBackoffStart).has_value());
  bool woken = false;
  const auto waiting = workflow_.changes().OnTaskQueued(
      {}, [] { return true; }, [&woken] { woken = true; });
  ASSERT_TRUE(workflow_.ExpireLeases(kBackoffStart + absl::Milliseconds(500)).ok());
  EXPECT_FALSE(woken);
  const absl::Time due = kBackoffStart + LeasePolicy().backoff.initial;
  ASSERT_TRUE(workflow_.ExpireLeases(due).ok());
  EXPECT_TRUE(woken);
  const std::optional<TaskRecord> again = Lease(due);
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ(again->key, task->key);
  EXPECT_EQ(again->attempt, task->attempt + 1);
}

}  // namespace
}  // namespace alignflow
