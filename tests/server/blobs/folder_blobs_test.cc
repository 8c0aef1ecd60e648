#include "server/blobs/folder_blobs.h"

#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "server/blobs/bucket_note.h"
#include "tests/common/temp_folder.h"

namespace alignflow {
namespace {

// What every store promises is in blob_store_test.cc.

TEST(FolderBlobsTest, ABlobThatWasAskedForIsYoungAgain) {
  TempFolder folder;
  const auto store = FolderBlobs::Open(folder.path()).value();
  const std::string sha256 = store->Put("hello", BlobOwner::Upload("test"), absl::Now()).value();
  store->owners().Collect([](const BlobOwner&, absl::Time) { return false; });
  std::filesystem::last_write_time(
      store->PathOf(sha256), std::filesystem::file_time_type::clock::now() - std::chrono::hours(2));
  ASSERT_TRUE(store->Contains(sha256));
  const auto nothing = [](const std::string&) { return false; };
  EXPECT_EQ(store->CollectGarbage(nothing, absl::Now() - absl::Hours(1)).removed, 0);
}

TEST(FolderBlobsTest, AFolderWhoseBlobsAreInABucketIsNotTakenForAnEmptyOne) {
  TempFolder folder;
  ASSERT_TRUE(WriteBucketNote(BucketNoteOf(folder.path()), {"s3://scans/", "0123"}).ok());
  const absl::Status status = FolderBlobs::Open(folder.path()).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status));
  EXPECT_THAT(std::string(status.message()), testing::HasSubstr("--blobs s3://scans/"));
}

}  // namespace
}  // namespace alignflow
