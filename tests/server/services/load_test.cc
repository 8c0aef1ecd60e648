// What calls cost must not grow with what they do not return, and nobody waits for who writes.
#include "server/catalog/soci.h"
#include "tests/server/coordinator_fixture.h"

namespace alignflow {
namespace {

class LoadTest : public CoordinatorTest {
 protected:
  int64_t CountRows(const std::string& table) {
    int64_t rows = 0;
    *place_.Connect() << "SELECT COUNT(*) FROM " << table, soci::into(rows);
    return rows;
  }
  v1::CreateJobRequest TransferJob(int pairs) {
    v1::CreateJobRequest request = JobRequest(pairs);
    Set(request, "method", "reinhard");
    return request;
  }
};

TEST_F(LoadTest, AJobOfAMillionPairsMakesItsTasksAsItReachesThem) {
  const std::string name = CreateJob(TransferJob(1000000)).value().name();
  EXPECT_LT(CountRows("job_tasks"), 5);
  const std::string worker = Register();
  Work(worker, 2);  // prepare and describe
  EXPECT_EQ(StageOf(GetJob(name), "generate").tasks_total(), 31250);
  const int64_t first = CountRows("job_tasks");
  EXPECT_LT(first, 100);
  // As they are leased others follow, so that there is always something to do.
  for (int i = 0; i < 100; ++i) {
    const v1::LeaseResponse lease = Lease(Register()).value();
    ASSERT_TRUE(lease.has_task());
    EXPECT_EQ(lease.task().kind(), "transfer");
  }
  EXPECT_GT(CountRows("job_tasks"), first);
  EXPECT_LT(CountRows("job_tasks"), 250);
  ASSERT_TRUE(CancelJob(name).ok());
  EXPECT_EQ(StageOf(GetJob(name), "generate").state(), v1::STAGE_STATE_CANCELLED);
}

TEST_F(LoadTest, EveryPairOfAJobMadePartByPartIsThereOnce) {
  const std::string name = CreateJob(TransferJob(2300)).value().name();
  Work(Register());
  EXPECT_EQ(GetJob(name).state(), v1::JOB_STATE_SUCCEEDED);
  absl::Status status;
  const std::vector<v1::Pair> pairs = PairsOf(name, 0, &status);
  ASSERT_EQ(status, absl::OkStatus());
  ASSERT_EQ(pairs.size(), 2300u);
  for (size_t i = 0; i < pairs.size(); ++i) EXPECT_EQ(pairs[i].index(), static_cast<int>(i) + 1);
  // Again, with every result there: what is left after the first step follows by itself.
  const std::string again = CreateJob(TransferJob(2300)).value().name();
  coordinator_->Maintain(absl::Now());
  EXPECT_EQ(GetJob(again).state(), v1::JOB_STATE_SUCCEEDED);
  EXPECT_EQ(StageOf(GetJob(again), "generate").tasks_reused(), 72);
}

TEST_F(LoadTest, HeartbeatsAndReadsWaitForNobodyWhoWrites) {
  const std::string name = CreateJob(JobRequest(2)).value().name();
  const std::string worker = Register();
  const v1::LeaseResponse lease = Lease(worker).value();
  const std::unique_ptr<Sql> other = place_.Connect();
  // Nobody else writes until it ends.
  *other << (TestServer::Wanted() ? "BEGIN" : "BEGIN IMMEDIATE");
  if (TestServer::Wanted()) *other << "LOCK TABLE tasks IN SHARE ROW EXCLUSIVE MODE";
  EXPECT_EQ(Heartbeat(worker, lease, "", 3).value(), false);
  EXPECT_EQ(StageOf(GetJob(name), "prepare").step(), 3);
  v1::ListJobsRequest list;
  v1::ListJobsResponse jobs;
  EXPECT_EQ(Call(*jobs_, &v1::Jobs::Stub::ListJobs, list, &jobs), absl::OkStatus());
  EXPECT_EQ(jobs.jobs_size(), 1);
  *other << "ROLLBACK";
  EXPECT_EQ(ReportSuccess(worker, lease), absl::OkStatus());
}

TEST_F(LoadTest, AHeartbeatRewritesNoQueuedJob) {
  for (int i = 0; i < 3; ++i) {
    v1::CreateJobRequest request = JobRequest(2);
    Set(request, "seed", std::to_string(i));
    ASSERT_TRUE(CreateJob(request).ok());
  }
  const auto sum = [&] {
    int64_t events = 0;
    *place_.Connect() << "SELECT SUM(last_event) FROM jobs", soci::into(events);
    return events;
  };
  const std::string worker = Register();
  const v1::LeaseResponse fit = LeaseFit(worker);
  const int64_t before = sum();
  ASSERT_TRUE(Heartbeat(worker, fit).ok());
  Register();
  Register();
  EXPECT_EQ(sum(), before);
}

// Many jobs on one task: each moves on, but not all in one transaction.
TEST_F(LoadTest, ManyJobsThatWaitForOneTaskAllGoOn) {
  std::vector<std::string> names;
  for (int i = 0; i < 40; ++i) {
    v1::CreateJobRequest request = JobRequest(2);
    Set(request, "seed", std::to_string(i));
    names.push_back(CreateJob(request).value().name());
  }
  EXPECT_EQ(Work(Register(), 1).front(), "prepare");
  coordinator_->Maintain(absl::Now());
  for (const std::string& name : names) {
    EXPECT_EQ(GetJob(name).state(), v1::JOB_STATE_RUNNING) << name;
    EXPECT_EQ(StageOf(GetJob(name), "prepare").tasks_done(), 1) << name;
    EXPECT_EQ(StageOf(GetJob(name), "fit").state(), v1::STAGE_STATE_QUEUED) << name;
  }
}

}  // namespace
}  // namespace alignflow
