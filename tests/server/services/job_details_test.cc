// What a job was made with, what people call it, and how it is found by that.
#include "server/catalog/job_details.h"

#include <nlohmann/json.hpp>

#include "tests/server/coordinator_fixture.h"

namespace alignflow {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class JobDetailsTest : public CoordinatorTest {
 protected:
  std::vector<std::string> List(const v1::ListJobsRequest& request) {
    std::vector<std::string> names;
    v1::ListJobsRequest page = request;
    for (;;) {
      v1::ListJobsResponse response;
      EXPECT_EQ(Call(*jobs_, &v1::Jobs::Stub::ListJobs, page, &response), absl::OkStatus());
      for (const v1::Job& job : response.jobs()) names.push_back(job.display_name());
      if (response.next_page_token().empty()) return names;
      page.set_page_token(response.next_page_token());
    }
  }
  std::string Create(const std::string& display_name, const std::string& label) {
    v1::CreateJobRequest request = JobRequest(1);
    Set(request, "seed", std::to_string(++seed_));
    request.set_display_name(display_name);
    (*request.mutable_labels())["study"] = label;
    return CreateJob(request).value().name();
  }

  int seed_ = 0;
};

TEST_F(JobDetailsTest, JobsAreFoundByStateAndLabelInTheOrderAskedFor) {
  const std::string a = Create("a", "colon"), b = Create("b", "colon");
  Create("c", "eye");
  ASSERT_TRUE(CancelJob(a).ok());
  ASSERT_TRUE(CancelJob(b).ok());
  v1::ListJobsRequest request;
  request.set_page_size(1);
  EXPECT_THAT(List(request), ElementsAre("c", "b", "a"));
  request.set_oldest_first(true);
  EXPECT_THAT(List(request), ElementsAre("a", "b", "c"));
  (*request.mutable_labels())["study"] = "colon";
  EXPECT_THAT(List(request), ElementsAre("a", "b"));
  request.add_states(v1::JOB_STATE_QUEUED);
  EXPECT_THAT(List(request), ElementsAre());
  request.add_states(v1::JOB_STATE_CANCELLED);
  EXPECT_THAT(List(request), ElementsAre("a", "b"));
  request.clear_labels();
  request.set_oldest_first(false);
  EXPECT_THAT(List(request), ElementsAre("c", "b", "a"));
  request.clear_states();
  request.add_states(v1::JOB_STATE_UNSPECIFIED);
  v1::ListJobsResponse response;
  EXPECT_TRUE(absl::IsInvalidArgument(Call(*jobs_, &v1::Jobs::Stub::ListJobs, request, &response)));
}

TEST_F(JobDetailsTest, WhatAJobIsCalledIsBounded) {
  v1::CreateJobRequest request = JobRequest(1);
  request.set_display_name("colon,\nsecond try");
  EXPECT_TRUE(absl::IsInvalidArgument(CreateJob(request).status()));
  request.set_display_name("colon, second try");
  (*request.mutable_labels())["No Name"] = "x";
  EXPECT_TRUE(absl::IsInvalidArgument(CreateJob(request).status()));
  request.clear_labels();
  request.set_priority(101);
  EXPECT_TRUE(absl::IsInvalidArgument(CreateJob(request).status()));
  request.set_priority(-100);
  const v1::Job job = CreateJob(request).value();
  EXPECT_EQ(job.display_name(), "colon, second try");
  EXPECT_EQ(job.priority(), -100);
}

TEST_F(JobDetailsTest, AJobOfAHigherPriorityIsDoneFirst) {
  const std::string first = Create("first", "a");
  v1::CreateJobRequest request = JobRequest(1, 2, 50);
  Set(request, "seed", "99");
  request.set_priority(1);
  const std::string urgent = CreateJob(request).value().name();
  const std::string worker = Register();
  // Preparing the source is a task of both jobs.
  while (GetJob(urgent).state() != v1::JOB_STATE_SUCCEEDED) ASSERT_EQ(Work(worker, 1).size(), 1u);
  EXPECT_NE(StageOf(GetJob(first), "fit").state(), v1::STAGE_STATE_SUCCEEDED);
}

TEST_F(JobDetailsTest, ShardsOfAYoungerJobDoNotWaitForAllOfAnOlderOnes) {
  v1::CreateJobRequest request = JobRequest(32 * 20);
  const std::string large = CreateJob(request).value().name();
  const std::string worker = Register();
  while (StageOf(GetJob(large), "generate").tasks_done() < 3) ASSERT_EQ(Work(worker, 1).size(), 1u);
  request = JobRequest(32, 2, 50);
  const std::string small = CreateJob(request).value().name();
  while (GetJob(small).state() != v1::JOB_STATE_SUCCEEDED) ASSERT_EQ(Work(worker, 1).size(), 1u);
  EXPECT_LT(StageOf(GetJob(large), "generate").tasks_done(), 20);
}

TEST_F(JobDetailsTest, ARequestIdNamesOneRequest) {
  v1::CreateJobRequest request = JobRequest(1);
  request.set_request_id("mine");
  const std::string name = CreateJob(request).value().name();
  EXPECT_EQ(CreateJob(request).value().name(), name);
  Set(request, "seed", "7");
  const absl::Status other = CreateJob(request).status();
  EXPECT_TRUE(absl::IsAlreadyExists(other)) << other;
  EXPECT_THAT(std::string(other.message()), HasSubstr(name));
}

TEST_F(JobDetailsTest, AJobKeepsWhatItsDatasetWasWhateverComesUnderTheName) {
  v1::Dataset before;
  ASSERT_EQ(CreateDataset("polyps", ManifestOf(3), &before), absl::OkStatus());
  const std::string name = CreateJob(JobRequest(1)).value().name();
  const std::string worker = Register();
  Work(worker);
  v1::DeleteDatasetRequest deletion;
  deletion.set_name("datasets/polyps");
  google::protobuf::Empty empty;
  ASSERT_EQ(Call(*datasets_, &v1::Datasets::Stub::DeleteDataset, deletion, &empty),
            absl::OkStatus());
  ASSERT_EQ(CreateDataset("polyps", ManifestOf(5, 40)), absl::OkStatus());
  const v1::Job job = GetJob(name);
  EXPECT_EQ(job.source_version().digest(), before.digest());
  EXPECT_EQ(job.source_version().item_count(), 3);
  EXPECT_EQ(job.source_version().labels(0).name(), "polyp");
  EXPECT_FALSE(job.has_target_version());
  v1::GetReportRequest request;
  request.set_name(name);
  v1::Report report;
  ASSERT_EQ(Call(*jobs_, &v1::Jobs::Stub::GetReport, request, &report), absl::OkStatus());
  EXPECT_EQ(report.source_version().digest(), before.digest());
  absl::Status status;
  const std::vector<v1::Pair> pairs = PairsOf(name, 0, &status);
  ASSERT_EQ(pairs.size(), 1u) << status;
  EXPECT_EQ(nlohmann::json::parse(pairs[0].record_json()).at("source_digest"), before.digest());
}

}  // namespace
}  // namespace alignflow
