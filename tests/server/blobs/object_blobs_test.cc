#include "server/blobs/object_blobs.h"

#include <filesystem>
#include <fstream>
#include <utility>

#include "absl/time/clock.h"
#include "common/digest.h"
#include "gmock/gmock.h"
#include "server/blobs/folder_blobs.h"
#include "tests/common/temp_folder.h"
#include "tests/server/objects/fake_object_store.h"

namespace alignflow {
namespace {

using Trouble = FakeObjectStore::Trouble;
using testing::HasSubstr;

constexpr int kForever = 1'000'000;

// What every store promises is in blob_store_test.cc.
class ObjectBlobsTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(Reopen().ok()); }
  ObjectBlobsOptions Options() const {
    ObjectBlobsOptions options{.bucket = bucket_.Options(), .cache_bytes = cache_, .tend = false};
    options.bucket.patience = absl::Milliseconds(200);
    return options;
  }
  std::filesystem::path Folder() const { return folder_.path() / "blobs"; }
  absl::Status Reopen() {
    store_.reset();
    absl::StatusOr<std::unique_ptr<ObjectBlobs>> opened = ObjectBlobs::Open(Folder(), Options());
    if (!opened.ok()) return opened.status();
    store_ = *std::move(opened);
    return absl::OkStatus();
  }
  absl::StatusOr<std::string> Put(const std::string& bytes) {
    absl::StatusOr<std::string> put = store_->Put(bytes, BlobOwner::Upload("test"), absl::Now());
    store_->owners().Collect([](const BlobOwner&, absl::Time) { return false; });
    return put;
  }
  bool InBucket(const std::string& sha256) const {
    return bucket_.objects().contains("blobs/" + sha256);
  }
  static bool Nothing(const std::string&) { return false; }
  static absl::Time Soon() { return absl::Now() + absl::Seconds(1); }
  void CompareAll() {
    while (!store_->CompareWithBucket().value()) {
    }
  }

  TempFolder folder_;
  FakeObjectStore bucket_;
  int64_t cache_ = 0;
  std::unique_ptr<ObjectBlobs> store_;
};

TEST_F(ObjectBlobsTest, ABlobAppearsInTheBucketOnlyOnceItsDigestIsRight) {
  const std::string sha256 = Sha256OfString("hello");
  auto writer = store_->Write(sha256, 5, 0).value();
  ASSERT_TRUE(writer->Append("jello").ok());
  EXPECT_TRUE(absl::IsInvalidArgument(writer->Commit()));
  writer.reset();
  EXPECT_FALSE(InBucket(sha256));
  writer = store_->Write(sha256, 5, 0).value();
  ASSERT_TRUE(writer->Append("hello").ok());
  EXPECT_FALSE(InBucket(sha256));
  ASSERT_TRUE(writer->Commit().ok());
  EXPECT_TRUE(InBucket(sha256));
}

TEST_F(ObjectBlobsTest, WhatCameWhileTheStoreWasDownNeedNotComeAgain) {
  const std::string sha256 = Sha256OfString("hello");
  bucket_.Break({.method = "PUT", .times = kForever});
  auto writer = store_->Write(sha256, 5, 0).value();
  ASSERT_TRUE(writer->Append("hello").ok());
  EXPECT_TRUE(absl::IsUnavailable(writer->Commit()));
  writer.reset();
  EXPECT_FALSE(store_->Contains(sha256));
  bucket_.Mend();
  ASSERT_EQ(store_->QueryWrite(sha256).bytes, 5);
  writer = store_->Write(sha256, 5, 5).value();
  ASSERT_EQ(writer->Commit(), absl::OkStatus());
  EXPECT_EQ(store_->Get(sha256, 100).value(), "hello");
}

TEST_F(ObjectBlobsTest, AWriteWhoseAnswerIsLostEndsWell) {
  bucket_.Break({.method = "PUT", .trouble = Trouble::kLostAnswer});
  const std::string sha256 = Put("hello").value();
  EXPECT_FALSE(bucket_.HasFaults());
  EXPECT_EQ(store_->Get(sha256, 100).value(), "hello");
}

TEST_F(ObjectBlobsTest, AskingForBlobsCostsNoRequest) {
  const std::string sha256 = Put("hello").value();
  const size_t before = bucket_.requests().size();
  EXPECT_TRUE(store_->Contains(sha256));
  EXPECT_FALSE(store_->Contains(Sha256OfString("other")));
  EXPECT_EQ(store_->SizeOf(sha256).value(), 5);
  EXPECT_TRUE(store_->QueryWrite(sha256).complete);
  EXPECT_EQ(store_->CollectGarbage([](const std::string&) { return true; }, Soon()).blobs, 1);
  store_->Remove(sha256);
  EXPECT_EQ(bucket_.requests().size(), before);
}

TEST_F(ObjectBlobsTest, WhoReadsABeginningFetchesNoMoreThanARange) {
  const std::string bytes(5 << 20, 'x');
  const std::string sha256 = Put(bytes).value();
  const size_t before = bucket_.requests().size();
  EXPECT_EQ(store_->Read(sha256, 0).value()->Next(1000).value().size(), 1000);
  EXPECT_EQ(bucket_.requests().size(), before + 1);
  EXPECT_EQ(store_->Get(sha256, bytes.size()).value(), bytes);
}

TEST_F(ObjectBlobsTest, BytesThatWereFlippedOnTheirWayDoNotCostTheBlob) {
  const std::string sha256 = Put("hello").value();
  bucket_.Break({.method = "GET", .trouble = Trouble::kFlippedBit});
  const absl::Status status = store_->Get(sha256, 100).status();
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_EQ(store_->Get(sha256, 100).value(), "hello");
}

TEST_F(ObjectBlobsTest, AnObjectThatSomebodyDeletedIsLost) {
  const std::string sha256 = Put("hello").value();
  bucket_.Erase("blobs/" + sha256);
  const absl::Status status = store_->Get(sha256, 100).status();
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("gone from s3://bucket/blobs/"));
  EXPECT_FALSE(store_->Contains(sha256));
  ASSERT_TRUE(Put("hello").ok());
  EXPECT_EQ(store_->Get(sha256, 100).value(), "hello");
}

TEST_F(ObjectBlobsTest, SomethingThatIsNoStoreCostsNoBlob) {
  const std::string sha256 = Put("hello").value();
  bucket_.Break({.method = "GET", .trouble = Trouble::kOtherServer, .status = 404});
  EXPECT_TRUE(absl::IsUnavailable(store_->Get(sha256, 100).status()));
  EXPECT_EQ(store_->Get(sha256, 100).value(), "hello");
}

TEST_F(ObjectBlobsTest, GarbageLeavesTheBucket) {
  const std::string kept = Put("kept").value(), old = Put("old").value();
  const auto is_referenced = [&](const std::string& sha256) { return sha256 == kept; };
  const BlobStore::Garbage garbage = store_->CollectGarbage(is_referenced, Soon());
  EXPECT_EQ(garbage.removed, 1);
  EXPECT_EQ(garbage.removed_bytes, 3);
  ASSERT_TRUE(store_->DeleteDoomed().ok());
  EXPECT_TRUE(InBucket(kept));
  EXPECT_FALSE(InBucket(old));
}

TEST_F(ObjectBlobsTest, WhatIsWrittenAgainBeforeItIsDeletedStays) {
  const std::string sha256 = Put("hello").value();
  store_->Remove(sha256);
  ASSERT_TRUE(Put("hello").ok());
  ASSERT_TRUE(store_->DeleteDoomed().ok());
  EXPECT_TRUE(InBucket(sha256));
  EXPECT_EQ(store_->Get(sha256, 100).value(), "hello");
}

TEST_F(ObjectBlobsTest, WhatCouldNotBeDeletedIsDeletedLaterAlsoAfterARestart) {
  const std::string sha256 = Put("hello").value();
  store_->Remove(sha256);
  bucket_.Break({.method = "DELETE", .times = kForever});
  EXPECT_TRUE(absl::IsUnavailable(store_->DeleteDoomed().status()));
  EXPECT_TRUE(InBucket(sha256));
  bucket_.Mend();
  ASSERT_TRUE(Reopen().ok());
  ASSERT_TRUE(store_->DeleteDoomed().ok());
  EXPECT_FALSE(InBucket(sha256));
}

TEST_F(ObjectBlobsTest, ABlobThatWasAskedForIsYoungAgain) {
  const std::string asked = Put("asked").value();
  Put("not asked").value();
  const absl::Time cutoff = absl::Now();
  ASSERT_TRUE(store_->Contains(asked));
  EXPECT_EQ(store_->CollectGarbage(Nothing, cutoff).removed, 1);
  EXPECT_TRUE(store_->Contains(asked));
}

TEST_F(ObjectBlobsTest, ARestartMakesAllYoungBecauseWhoAskedIsForgotten) {
  Put("hello").value();
  const absl::Time before = absl::Now();
  ASSERT_TRUE(Reopen().ok());
  EXPECT_EQ(store_->CollectGarbage(Nothing, before).removed, 0);
  EXPECT_EQ(store_->CollectGarbage(Nothing, absl::Now()).removed, 1);
}

TEST_F(ObjectBlobsTest, AnObjectWithoutALineInTheIndexIsFoundAndCollected) {
  bucket_.set_page(2);
  for (const char* bytes : {"a", "b", "c", "d"}) Put(bytes).value();
  // A kill came between the object and the index.
  const std::string orphan = Sha256OfString("hello");
  bucket_.Set("blobs/" + orphan, "hello");
  EXPECT_FALSE(store_->Contains(orphan));
  CompareAll();
  EXPECT_TRUE(store_->Contains(orphan));
  EXPECT_EQ(store_->SizeOf(orphan).value(), 5);
  EXPECT_EQ(store_->CollectGarbage(Nothing, Soon()).removed, 5);
}

TEST_F(ObjectBlobsTest, AComparisonForgetsNothingThatIsThere) {
  bucket_.set_page(2);
  std::vector<std::string> all;
  for (int i = 0; i < 20; ++i) all.push_back(Put(std::to_string(i)).value());
  for (int round = 0; round < 2; ++round) {
    CompareAll();
    for (const std::string& sha256 : all) EXPECT_TRUE(store_->Contains(sha256));
  }
  bucket_.Erase("blobs/" + all[7]);
  CompareAll();
  for (const std::string& sha256 : all) EXPECT_EQ(store_->Contains(sha256), sha256 != all[7]);
}

TEST_F(ObjectBlobsTest, AnIndexThatIsGoneIsMadeAnewFromTheBucket) {
  bucket_.set_page(2);
  std::vector<std::string> all;
  for (const char* bytes : {"a", "b", "c", "d", "e"}) all.push_back(Put(bytes).value());
  store_.reset();
  for (const char* name : {"index.sqlite", "index.sqlite-wal", "index.sqlite-shm"}) {
    std::filesystem::remove(Folder() / name);
  }
  ASSERT_TRUE(Reopen().ok());
  for (const std::string& sha256 : all) EXPECT_EQ(store_->Get(sha256, 10).value().size(), 1);
}

TEST_F(ObjectBlobsTest, ADamagedIndexSaysWhatToDo) {
  store_.reset();
  std::filesystem::remove(Folder() / "index.sqlite-wal");
  std::ofstream(Folder() / "index.sqlite") << std::string(5000, 'x');
  const absl::Status status = Reopen();
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("made anew from the bucket"));
}

TEST_F(ObjectBlobsTest, ABucketOfAnotherCoordinatorIsRefused) {
  const absl::Status status = ObjectBlobs::Open(folder_.path() / "other", Options()).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("another state folder"));
}

TEST_F(ObjectBlobsTest, AnotherBucketThanBeforeIsRefused) {
  ObjectBlobsOptions options = Options();
  options.bucket.prefix = "elsewhere/";
  const absl::Status status = ObjectBlobs::Open(Folder(), options).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("s3://bucket/blobs/"));
}

TEST_F(ObjectBlobsTest, AFolderWithBlobsOfItsOwnIsRefused) {
  const auto files = FolderBlobs::Open(folder_.path() / "files").value();
  files->Put("hello", BlobOwner::Upload("test"), absl::Now()).value();
  ObjectBlobsOptions options = Options();
  options.bucket.prefix = "elsewhere/";
  const absl::Status status = ObjectBlobs::Open(folder_.path() / "files", options).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("migrate-state"));
  EXPECT_TRUE(FolderBlobs::Open(folder_.path() / "files").ok()) << "and stays what it was";
}

TEST_F(ObjectBlobsTest, UploadsThatAKillLeftAreEnded) {
  bucket_.BeginUpload("blobs/" + Sha256OfString("hello"));
  ASSERT_TRUE(Reopen().ok());
  EXPECT_EQ(bucket_.uploads(), 0);
}

TEST_F(ObjectBlobsTest, HealthFollowsTheStoreWithPatience) {
  EXPECT_TRUE(store_->Health().ok());
  bucket_.Break({.method = "GET", .times = kForever});
  store_->LookAtHealth();
  EXPECT_TRUE(store_->Health().ok()) << "one bad look is none";
  store_->LookAtHealth();
  EXPECT_TRUE(absl::IsUnavailable(store_->Health()));
  bucket_.Mend();
  store_->LookAtHealth();
  EXPECT_TRUE(store_->Health().ok());
}

class CachedObjectBlobsTest : public ObjectBlobsTest {
 protected:
  CachedObjectBlobsTest() { cache_ = 10; }
};

TEST_F(CachedObjectBlobsTest, WhatWasWrittenLatelyIsReadFromTheCopy) {
  const std::string sha256 = Put("hello").value();
  const size_t before = bucket_.requests().size();
  EXPECT_EQ(store_->Get(sha256, 100).value(), "hello");
  EXPECT_EQ(store_->Map(sha256)->bytes(), "hello");
  EXPECT_EQ(bucket_.requests().size(), before);
}

TEST_F(CachedObjectBlobsTest, WhatIsMappedIsFetchedOnce) {
  const std::string sha256 = Put("hello").value();
  Put("enough").value();  // pushes it out
  EXPECT_EQ(store_->Map(sha256)->bytes(), "hello");
  const size_t before = bucket_.requests().size();
  EXPECT_EQ(store_->Map(sha256)->bytes(), "hello");
  EXPECT_EQ(bucket_.requests().size(), before);
}

TEST_F(CachedObjectBlobsTest, ADamagedCopyIsReplacedFromTheBucket) {
  const std::string sha256 = Put("hello").value();
  std::ofstream(Folder() / "cache" / sha256) << "jello";
  EXPECT_TRUE(absl::IsUnavailable(store_->Get(sha256, 100).status()));
  EXPECT_EQ(store_->Get(sha256, 100).value(), "hello");
}

TEST_F(CachedObjectBlobsTest, CopiesGoWithTheirBlobs) {
  const std::string sha256 = Put("hello").value();
  ASSERT_TRUE(std::filesystem::exists(Folder() / "cache" / sha256));
  store_->CollectGarbage(Nothing, Soon());
  EXPECT_FALSE(std::filesystem::exists(Folder() / "cache" / sha256));
}

TEST_F(CachedObjectBlobsTest, CopiesTakeNoMoreSpaceThanAllowedAlsoAfterARestart) {
  for (const char* bytes : {"aaaa", "bbbb", "cccc", "a long one indeed"}) Put(bytes).value();
  const auto bytes_in_cache = [&] {
    int64_t bytes = 0;
    for (const auto& entry : std::filesystem::directory_iterator(Folder() / "cache")) {
      bytes += static_cast<int64_t>(entry.file_size());
    }
    return bytes;
  };
  EXPECT_EQ(bytes_in_cache(), 8);
  cache_ = 5;
  ASSERT_TRUE(Reopen().ok());
  EXPECT_EQ(bytes_in_cache(), 4);
}

}  // namespace
}  // namespace alignflow
