#include "tests/server/coordinator_fixture.h"

namespace alignflow {
namespace {

// A coordinator that keeps jobs for a day.
class DatasetRetentionTest : public CoordinatorTest {
 protected:
  void SetUp() override {
    options_.keep_jobs = absl::Hours(24);
    CoordinatorTest::SetUp();
  }

  absl::StatusOr<v1::Dataset> Update(const v1::UpdateDatasetRequest& request) {
    v1::Dataset dataset;
    absl::Status status = Call(*datasets_, &v1::Datasets::Stub::UpdateDataset, request, &dataset);
    if (!status.ok()) return status;
    return dataset;
  }
  static v1::UpdateDatasetRequest Keep(const std::string& dataset, absl::Duration age) {
    v1::UpdateDatasetRequest request;
    request.set_name("datasets/" + dataset);
    if (age == absl::InfiniteDuration()) {
      request.mutable_keep_jobs()->set_forever(true);
    } else {
      request.mutable_keep_jobs()->mutable_age()->set_seconds(absl::ToInt64Seconds(age));
    }
    return request;
  }
  v1::Dataset Get(const std::string& dataset) {
    v1::GetDatasetRequest request;
    request.set_name("datasets/" + dataset);
    v1::Dataset found;
    EXPECT_EQ(Call(*datasets_, &v1::Datasets::Stub::GetDataset, request, &found), absl::OkStatus());
    return found;
  }
  // A job with this source that has ended.
  std::string EndedJob(const std::string& dataset) {
    v1::CreateJobRequest request = JobRequest(2);
    EXPECT_EQ(CreateDataset(dataset, ManifestOf(3)), absl::OkStatus());
    request.mutable_spec()->set_source("datasets/" + dataset);
    const std::string name = CreateJob(request).value().name();
    Work(Register());
    EXPECT_EQ(GetJob(name).state(), v1::JOB_STATE_SUCCEEDED);
    return name;
  }
  bool IsThere(const std::string& name) {
    v1::GetJobRequest request;
    request.set_name(name);
    v1::Job job;
    return Call(*jobs_, &v1::Jobs::Stub::GetJob, request, &job).ok();
  }
};

TEST_F(DatasetRetentionTest, ADatasetsTimeStandsInThePlaceOfTheCoordinators) {
  const std::string usual = EndedJob("polyps");
  const std::string longer = EndedJob("longer"), shorter = EndedJob("shorter");
  const std::string for_ever = EndedJob("for-ever");
  ASSERT_TRUE(Update(Keep("longer", absl::Hours(72))).ok());
  ASSERT_TRUE(Update(Keep("shorter", absl::Hours(1))).ok());
  ASSERT_TRUE(Update(Keep("for-ever", absl::InfiniteDuration())).ok());
  const absl::Time ended = absl::Now();
  coordinator_->Maintain(ended + absl::Hours(2));
  EXPECT_FALSE(IsThere(shorter));
  EXPECT_TRUE(IsThere(usual));
  coordinator_->Maintain(ended + absl::Hours(25));
  EXPECT_FALSE(IsThere(usual));
  EXPECT_TRUE(IsThere(longer));
  coordinator_->Maintain(ended + absl::Hours(73));
  EXPECT_FALSE(IsThere(longer));
  coordinator_->Maintain(ended + absl::Hours(24 * 3650));
  EXPECT_TRUE(IsThere(for_ever));
}

TEST_F(DatasetRetentionTest, ZeroIsAtOnceAndTheDefaultComesBack) {
  const std::string job = EndedJob("polyps");
  ASSERT_TRUE(Update(Keep("polyps", absl::InfiniteDuration())).ok());
  v1::UpdateDatasetRequest usual;
  usual.set_name("datasets/polyps");
  ASSERT_FALSE(Update(usual).value().has_keep_jobs());
  coordinator_->Maintain(absl::Now() + absl::Hours(1));
  EXPECT_TRUE(IsThere(job));
  ASSERT_TRUE(Update(Keep("polyps", absl::ZeroDuration())).ok());
  coordinator_->Maintain(absl::Now() + absl::Seconds(1));
  EXPECT_FALSE(IsThere(job));
}

TEST_F(DatasetRetentionTest, JobsOfADeletedDatasetGoByTheCoordinatorsTime) {
  const std::string job = EndedJob("polyps");
  ASSERT_TRUE(Update(Keep("polyps", absl::InfiniteDuration())).ok());
  v1::DeleteDatasetRequest request;
  request.set_name("datasets/polyps");
  google::protobuf::Empty nothing;
  ASSERT_EQ(Call(*datasets_, &v1::Datasets::Stub::DeleteDataset, request, &nothing),
            absl::OkStatus());
  coordinator_->Maintain(absl::Now() + absl::Hours(23));
  EXPECT_TRUE(IsThere(job));
  coordinator_->Maintain(absl::Now() + absl::Hours(25));
  EXPECT_FALSE(IsThere(job));
}

TEST_F(DatasetRetentionTest, IsKeptAndShownUntilItIsChanged) {
  ASSERT_EQ(CreateDataset("polyps", ManifestOf(3)), absl::OkStatus());
  EXPECT_FALSE(Get("polyps").has_keep_jobs());
  ASSERT_TRUE(Update(Keep("polyps", absl::Hours(36))).ok());
  Restart();
  EXPECT_EQ(Get("polyps").keep_jobs().age().seconds(), 36 * 3600);
  ASSERT_EQ(CreateDataset("polyps", ManifestOf(3)), absl::OkStatus());  // the same again
  EXPECT_EQ(Get("polyps").keep_jobs().age().seconds(), 36 * 3600);
  ASSERT_TRUE(Update(Keep("polyps", absl::InfiniteDuration())).ok());
  EXPECT_TRUE(Get("polyps").keep_jobs().forever());
}

TEST_F(DatasetRetentionTest, WhatIsNoTimeIsRefused) {
  ASSERT_EQ(CreateDataset("polyps", ManifestOf(3)), absl::OkStatus());
  for (const absl::Duration age : {absl::Seconds(-1), absl::Hours(24 * 100001)}) {
    EXPECT_TRUE(absl::IsInvalidArgument(Update(Keep("polyps", age)).status()));
  }
  v1::UpdateDatasetRequest empty;
  empty.set_name("datasets/polyps");
  empty.mutable_keep_jobs();
  EXPECT_TRUE(absl::IsInvalidArgument(Update(empty).status()));
  EXPECT_TRUE(absl::IsNotFound(Update(Keep("nope", absl::Hours(1))).status()));
}

class UnlimitedRetentionTest : public DatasetRetentionTest {
 protected:
  void SetUp() override { CoordinatorTest::SetUp(); }
};

TEST_F(UnlimitedRetentionTest, ADatasetsTimeHoldsWhereTheCoordinatorKeepsAll) {
  const std::string job = EndedJob("polyps"), other = EndedJob("others");
  ASSERT_TRUE(Update(Keep("polyps", absl::Hours(1))).ok());
  coordinator_->Maintain(absl::Now() + absl::Hours(24 * 3650));
  EXPECT_FALSE(IsThere(job));
  EXPECT_TRUE(IsThere(other));
}

}  // namespace
}  // namespace alignflow
