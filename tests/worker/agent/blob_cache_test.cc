#include "worker/agent/blob_cache.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <chrono>
#include <ctime>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "grpcpp/server.h"
#include "grpcpp/server_builder.h"
#include "gtest/gtest.h"
#include "tests/common/fake_blobs.h"
#include "tests/common/temp_folder.h"

namespace alignflow {
namespace {

class BlobCacheTest : public ::testing::Test {
 protected:
  BlobCacheTest() {
    grpc::ServerBuilder builder;
    builder.RegisterService(&blobs_);
    server_ = builder.BuildAndStart();
    client_ = std::make_unique<BlobClient>(server_->InProcessChannel({}));
  }

  // Fetches into a new file and returns its bytes.
  std::string Fetch(BlobCache& cache, const std::string& sha256) {
    const auto file = folder_.path() / absl::StrCat("file-", ++files_);
    const absl::Status status = cache.Fetch(*client_, sha256, file);
    EXPECT_TRUE(status.ok()) << status;
    return ReadFile(file);
  }
  std::filesystem::path Cached(const std::string& sha256) {
    return folder_.path() / "blobs" / sha256;
  }
  void UsedMinutesAgo(const std::string& sha256, int minutes) {
    const timespec used{.tv_sec = std::time(nullptr) - 60 * minutes, .tv_nsec = 0};
    const timespec times[2] = {used, {.tv_sec = 0, .tv_nsec = UTIME_OMIT}};
    ASSERT_EQ(utimensat(AT_FDCWD, Cached(sha256).c_str(), times, 0), 0);
  }

  TempFolder folder_;
  FakeBlobs blobs_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<BlobClient> client_;
  std::atomic<int> files_ = 0;
};

TEST_F(BlobCacheTest, SecondFetchNeedsNoServerNotEvenAfterARestart) {
  const std::string sha256 = blobs_.Put("bytes");
  BlobCache first(folder_.path(), 100);
  EXPECT_EQ(Fetch(first, sha256), "bytes");
  BlobCache second(folder_.path(), 100);
  EXPECT_EQ(Fetch(second, sha256), "bytes");
  EXPECT_EQ(blobs_.reads(), 1);
}

TEST_F(BlobCacheTest, DamagedCachedFileIsFetchedAgain) {
  const std::string sha256 = blobs_.Put("bytes");
  BlobCache cache(folder_.path(), 100);
  Fetch(cache, sha256);
  for (const std::string damage : {"bytEs", "byte", ""}) {
    std::filesystem::remove(Cached(sha256));
    WriteFile(Cached(sha256), damage);
    EXPECT_EQ(Fetch(cache, sha256), "bytes");
    EXPECT_EQ(ReadFile(Cached(sha256)), "bytes") << "the damaged file was kept";
  }
}

// Seen from outside: what is changed behind the cache's back, with the time of the last write set
// back, is handed out, because the file is not read again; with any other write it is noticed.
TEST_F(BlobCacheTest, AFileThatWasCheckedIsNotReadAgainUnlessItWasWrittenTo) {
  const std::string sha256 = blobs_.Put("bytes");
  BlobCache cache(folder_.path(), 100);
  Fetch(cache, sha256);
  const auto written = std::filesystem::last_write_time(Cached(sha256));
  std::ofstream(Cached(sha256)) << "BYTES";
  std::filesystem::last_write_time(Cached(sha256), written);
  EXPECT_EQ(Fetch(cache, sha256), "BYTES");
  std::filesystem::last_write_time(Cached(sha256), written + std::chrono::seconds(1));
  EXPECT_EQ(Fetch(cache, sha256), "bytes");
  BlobCache restarted(folder_.path(), 100);
  std::ofstream(Cached(sha256)) << "BYTES";
  EXPECT_EQ(Fetch(restarted, sha256), "bytes") << "every worker checks for itself";
}

TEST_F(BlobCacheTest, WhatWasSentNeedNotBeFetched) {
  const std::string sha256 = blobs_.Put("bytes");
  BlobCache cache(folder_.path(), 100);
  const auto sent = folder_.path() / "sent";
  WriteFile(sent, "bytes");
  cache.Keep(sha256, sent);
  EXPECT_EQ(Fetch(cache, sha256), "bytes");
  EXPECT_EQ(blobs_.reads(), 0);
}

TEST_F(BlobCacheTest, BytesThatDoNotMatchAreRefusedAndNotKept) {
  const std::string sha256 = blobs_.PutAs(Sha256OfString("right"), "wrong");
  BlobCache cache(folder_.path(), 100);
  EXPECT_TRUE(absl::IsDataLoss(cache.Fetch(*client_, sha256, folder_.path() / "file")));
  EXPECT_FALSE(std::filesystem::exists(folder_.path() / "file"));
  EXPECT_EQ(CountFiles(folder_.path() / "blobs"), 0);
}

TEST_F(BlobCacheTest, NameThatIsNoDigestNeverReachesTheDisk) {
  BlobCache cache(folder_.path(), 100);
  EXPECT_TRUE(absl::IsInvalidArgument(cache.Fetch(*client_, "../secret", folder_.path() / "file")));
}

TEST_F(BlobCacheTest, LeastRecentlyUsedGoesFirstAndAFileInUseStays) {
  const std::string a = blobs_.Put("aaaaaaaaaa"), b = blobs_.Put("bbbbbbbbbb"),
                    c = blobs_.Put("cccccccccc");
  BlobCache cache(folder_.path(), 25);
  Fetch(cache, a);
  const auto in_use = folder_.path() / "in use";
  ASSERT_TRUE(cache.Fetch(*client_, b, in_use).ok());
  UsedMinutesAgo(a, 20);
  UsedMinutesAgo(b, 10);
  Fetch(cache, a);  // now b is the older one
  Fetch(cache, c);
  EXPECT_TRUE(std::filesystem::exists(Cached(a)));
  EXPECT_FALSE(std::filesystem::exists(Cached(b)));
  EXPECT_TRUE(std::filesystem::exists(Cached(c)));
  EXPECT_EQ(ReadFile(in_use), "bbbbbbbbbb");
}

TEST_F(BlobCacheTest, BlobLargerThanTheCacheIsFetchedButNotKept) {
  const std::string sha256 = blobs_.Put("a large blob");
  BlobCache cache(folder_.path(), 5);
  EXPECT_EQ(Fetch(cache, sha256), "a large blob");
  EXPECT_EQ(CountFiles(folder_.path() / "blobs"), 0);
}

TEST_F(BlobCacheTest, TwoWorkersMayShareAFolder) {
  std::vector<std::string> digests;
  for (int i = 0; i < 30; ++i) digests.push_back(blobs_.Put(absl::StrCat("blob ", i)));
  BlobCache one(folder_.path(), 100), other(folder_.path(), 100);
  const auto work = [&](BlobCache& cache) {
    for (int round = 0; round < 3; ++round) {
      for (size_t i = 0; i < digests.size(); ++i) {
        EXPECT_EQ(Fetch(cache, digests[i]), absl::StrCat("blob ", i));
      }
    }
  };
  std::jthread thread([&] { work(other); });
  work(one);
}

}  // namespace
}  // namespace alignflow
