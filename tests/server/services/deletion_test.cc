#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "tests/server/coordinator_fixture.h"

namespace alignflow {
namespace {

class DeletionTest : public CoordinatorTest {
 protected:
  absl::Status DeleteJob(const std::string& name) {
    v1::DeleteJobRequest request;
    request.set_name(name);
    google::protobuf::Empty response;
    return Call(*jobs_, &v1::Jobs::Stub::DeleteJob, request, &response);
  }
  absl::Status DeleteDataset(const std::string& name) {
    v1::DeleteDatasetRequest request;
    request.set_name(name);
    google::protobuf::Empty response;
    return Call(*datasets_, &v1::Datasets::Stub::DeleteDataset, request, &response);
  }
  std::string DoneJob(const v1::CreateJobRequest& request) {
    const std::string name = CreateJob(request).value().name();
    Work(Register());
    EXPECT_EQ(GetJob(name).state(), v1::JOB_STATE_SUCCEEDED);
    return name;
  }
  // What a deletion leaves to the maintenance.
  void CleanUp() {
    coordinator_->Maintain(absl::Now());
    ASSERT_TRUE(
        coordinator_->CollectGarbage(absl::ZeroDuration(), absl::Now() + absl::Hours(2)).ok());
  }
  // The files below the state folder that hold the text, by name or content.
  std::vector<std::string> FilesWith(const std::string& text) {
    std::vector<std::string> files;
    const std::filesystem::path state = folder_.path() / "state";
    for (const auto& entry : std::filesystem::recursive_directory_iterator(state)) {
      if (!entry.is_regular_file()) continue;
      std::ifstream file(entry.path(), std::ios::binary);
      const std::string bytes{std::istreambuf_iterator<char>(file), {}};
      const bool named =
          (entry.path().parent_path().filename().string() + entry.path().filename().string())
              .find(text) != std::string::npos;
      if (named || bytes.find(text) != std::string::npos) files.push_back(entry.path().filename());
    }
    return files;
  }
};

TEST_F(DeletionTest, NothingOfADeletedJobAndDatasetStaysInTheStateFolder) {
  SKIP_ON_POSTGRES("the tables are in no file of the state folder");
  v1::CreateJobRequest request = JobRequest(2);
  request.mutable_spec()->mutable_references(0)->set_stem("patient-mueller-17");
  const std::string name = DoneJob(request);
  absl::Status status;
  const std::vector<v1::Pair> pairs = PairsOf(name, 0, &status);
  ASSERT_EQ(pairs.size(), 2u);
  ASSERT_FALSE(FilesWith("patient-mueller-17").empty());
  ASSERT_EQ(DeleteJob(name), absl::OkStatus());
  ASSERT_EQ(DeleteDataset("datasets/polyps"), absl::OkStatus());
  CleanUp();
  EXPECT_THAT(FilesWith("patient-mueller-17"), testing::IsEmpty());
  EXPECT_THAT(FilesWith("item-0"), testing::IsEmpty()) << "a stem of the dataset";
  EXPECT_THAT(FilesWith(name.substr(5)), testing::ElementsAre("catalog.sqlite"))
      << "audit records name the job, and nothing else does";
  for (const v1::Pair& pair : pairs) {
    EXPECT_THAT(FilesWith(pair.image().sha256()), testing::IsEmpty());
    EXPECT_THAT(FilesWith(pair.image_data()), testing::IsEmpty());
  }
  for (const auto& entry :
       std::filesystem::recursive_directory_iterator(folder_.path() / "state" / "blobs")) {
    EXPECT_FALSE(entry.is_regular_file()) << entry.path();
  }
}

TEST_F(DeletionTest, WhatAnotherJobHasStays) {
  const std::string first = DoneJob(JobRequest(2));
  v1::CreateJobRequest request = JobRequest(2, 2, 150);  // other references, the same fit
  const std::string second = DoneJob(request);
  ASSERT_EQ(DeleteJob(first), absl::OkStatus());
  CleanUp();
  EXPECT_EQ(GetJob(second).state(), v1::JOB_STATE_SUCCEEDED);
  EXPECT_NE(GetJob(second).stage1_model(), "");
  absl::Status status;
  EXPECT_EQ(PairsOf(second, 0, &status).size(), 2u);
  EXPECT_EQ(status, absl::OkStatus());
  const std::string again = CreateJob(JobRequest(2)).value().name();
  EXPECT_EQ(StageOf(GetJob(again), "fit").state(), v1::STAGE_STATE_REUSED);
}

TEST_F(DeletionTest, AJobThatGoesOnIsNotDeleted) {
  const std::string name = CreateJob(JobRequest(2)).value().name();
  const absl::Status status = DeleteJob(name);
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_THAT(std::string(status.message()), testing::HasSubstr("cancel"));
  ASSERT_TRUE(CancelJob(name).ok());
  EXPECT_EQ(DeleteJob(name), absl::OkStatus());
  EXPECT_TRUE(absl::IsNotFound(DeleteJob(name)));
}

class RetentionTest : public DeletionTest {
 protected:
  void SetUp() override {
    options_.keep_jobs = absl::Hours(24);
    DeletionTest::SetUp();
  }
};

TEST_F(RetentionTest, JobsGoWhenTheirTimeIsOver) {
  const std::string done = DoneJob(JobRequest(2));
  v1::CreateJobRequest request = JobRequest(2);
  Set(request, "seed", "5");
  const std::string open = CreateJob(request).value().name();
  coordinator_->Maintain(absl::Now() + absl::Hours(23));
  EXPECT_EQ(GetJob(done).state(), v1::JOB_STATE_SUCCEEDED);
  coordinator_->Maintain(absl::Now() + absl::Hours(25));
  v1::GetJobRequest get;
  get.set_name(done);
  v1::Job job;
  EXPECT_TRUE(absl::IsNotFound(Call(*jobs_, &v1::Jobs::Stub::GetJob, get, &job)));
  EXPECT_EQ(GetJob(open).state(), v1::JOB_STATE_QUEUED) << "a job that goes on has no such end";
}

}  // namespace
}  // namespace alignflow
