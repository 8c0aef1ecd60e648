#include "tests/server/coordinator_fixture.h"

namespace alignflow {
namespace {

// What is kept before anything refers to it. Every collection here is one without any grace.
class BlobKeepingTest : public CoordinatorTest {
 protected:
  void Collect(absl::Duration from_now = absl::ZeroDuration()) {
    ASSERT_TRUE(coordinator_->CollectGarbage(-absl::Minutes(1), absl::Now() + from_now).ok());
  }
  bool IsThere(const v1::Digest& blob) {
    return blobs_->FindMissing({{blob.sha256(), blob.size_bytes()}}).value().empty();
  }
  v1::Digest UploadFor(const v1::BlobOwner& owner, const std::string& bytes) {
    BlobClientOptions options;
    options.owner = owner;
    BlobClient client(channel_, options);
    const BlobRef blob = DescribeBytes(bytes);
    status_ = client.Upload(blob, bytes);
    v1::Digest digest;
    digest.set_sha256(blob.sha256);
    digest.set_size_bytes(blob.size_bytes);
    return digest;
  }
  static v1::BlobOwner Session(const std::string& id) {
    v1::BlobOwner owner;
    owner.set_upload_id(id);
    return owner;
  }
  static v1::BlobOwner OwnerOf(const v1::LeaseResponse& lease) {
    v1::BlobOwner owner;
    owner.mutable_lease()->set_task_key(lease.task().key());
    owner.mutable_lease()->set_attempt(lease.attempt());
    return owner;
  }

  absl::Status status_;
};

TEST_F(BlobKeepingTest, WhatARunningLeaseHasWrittenStaysHoweverSlowItIs) {
  ASSERT_TRUE(CreateJob(JobRequest(1)).ok());
  const std::string worker = Register();
  const v1::LeaseResponse lease = Lease(worker).value();
  const v1::Digest image = UploadFor(OwnerOf(lease), "an image that took most of an hour");
  Collect();
  EXPECT_TRUE(IsThere(image));
  Restart();
  Collect();
  EXPECT_TRUE(IsThere(image)) << "the lease outlives the coordinator, and so does what it wrote";
  ASSERT_EQ(ReportHandedBack(Register(), lease), absl::OkStatus());
  Collect();
  EXPECT_FALSE(IsThere(image)) << "a lease that ends without a result lets go";
}

TEST_F(BlobKeepingTest, ALeaseThatIsOverWritesNothing) {
  ASSERT_TRUE(CreateJob(JobRequest(1)).ok());
  const std::string worker = Register();
  const v1::LeaseResponse lease = Lease(worker).value();
  ASSERT_EQ(ReportHandedBack(worker, lease), absl::OkStatus());
  UploadFor(OwnerOf(lease), "late");
  EXPECT_TRUE(absl::IsFailedPrecondition(status_)) << status_;
}

TEST_F(BlobKeepingTest, AResultTakesOverWhatItsLeaseWrote) {
  const std::string name = CreateJob(JobRequest(2)).value().name();
  const std::string worker = Register();
  for (;;) {
    const v1::LeaseResponse lease = Lease(worker).value();
    if (!lease.has_task()) break;
    ASSERT_EQ(ReportSuccess(worker, lease), absl::OkStatus());
    Collect();
  }
  EXPECT_EQ(GetJob(name).state(), v1::JOB_STATE_SUCCEEDED);
  absl::Status status;
  EXPECT_EQ(PairsOf(name, 0, &status).size(), 2u);
}

TEST_F(BlobKeepingTest, AnOpenUploadKeepsWhatItSentAndWhatItFound) {
  const v1::Digest sent = UploadFor(Session("push-1"), GreyPng(8, 6, 1));
  const v1::Digest found = Upload(GreyPng(8, 6, 255));  // of nobody
  BlobClientOptions options;
  options.owner = Session("push-1");
  BlobClient client(channel_, options);
  ASSERT_TRUE(client.FindMissing({{found.sha256(), found.size_bytes()}}).value().empty());
  Collect();
  Restart();
  Collect();
  ASSERT_TRUE(IsThere(sent) && IsThere(found));

  v1::CreateDatasetRequest request;
  request.set_dataset_id("polyps");
  request.set_upload_id("push-1");
  v1::Label* label = request.mutable_manifest()->add_labels();
  label->set_name("polyp");
  label->set_value(255);
  v1::DatasetItem* item = request.mutable_manifest()->add_items();
  item->set_stem("a");
  *item->mutable_image() = sent;
  *item->mutable_mask() = found;
  v1::Dataset dataset;
  ASSERT_EQ(Call(*datasets_, &v1::Datasets::Stub::CreateDataset, request, &dataset),
            absl::OkStatus());
  const v1::Digest unused = UploadFor(Session("push-1"), "not part of any dataset");
  Collect();
  EXPECT_TRUE(IsThere(unused)) << "an id may be used again";
  Collect(absl::Hours(2));
  EXPECT_FALSE(IsThere(unused)) << "an upload that is silent for an hour is given up";
  EXPECT_TRUE(IsThere(sent) && IsThere(found)) << "the dataset has them";
}

TEST_F(BlobKeepingTest, AFinishedUploadLetsGoOfWhatTheDatasetDoesNotNeed) {
  const v1::Digest unused = UploadFor(Session("push-1"), "not part of any dataset");
  v1::CreateDatasetRequest request;
  request.set_dataset_id("polyps");
  request.set_upload_id("push-1");
  *request.mutable_manifest() = ManifestOf(1);
  v1::Dataset dataset;
  ASSERT_EQ(Call(*datasets_, &v1::Datasets::Stub::CreateDataset, request, &dataset),
            absl::OkStatus());
  Collect();
  EXPECT_FALSE(IsThere(unused));
}

TEST_F(BlobKeepingTest, AMalformedOwnerIsNamed) {
  UploadFor(Session("../../etc"), "bytes");
  EXPECT_TRUE(absl::IsInvalidArgument(status_)) << status_;
}

}  // namespace
}  // namespace alignflow
