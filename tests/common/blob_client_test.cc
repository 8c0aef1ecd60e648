#include "common/blob_client.h"

#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"
#include "grpcpp/server.h"
#include "grpcpp/server_builder.h"
#include "gtest/gtest.h"
#include "tests/common/fake_blobs.h"
#include "tests/common/temp_folder.h"

namespace alignflow {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

BlobClientOptions QuickRetries() {
  BlobClientOptions options;
  options.backoff.initial = absl::Milliseconds(1);
  options.backoff.maximum = absl::Milliseconds(2);
  return options;
}

// Bytes that no two chunks have in common.
std::string Bytes(size_t size) {
  std::string bytes;
  bytes.reserve(size + 8);
  for (uint64_t i = 1; bytes.size() < size; ++i) {
    uint64_t word = i * 0x9e3779b97f4a7c15;
    bytes.append(reinterpret_cast<const char*>(&word), sizeof(word));
  }
  bytes.resize(size);
  return bytes;
}

class BlobClientTest : public ::testing::Test {
 protected:
  BlobClientTest() {
    grpc::ServerBuilder builder;
    builder.RegisterService(&blobs_);
    server_ = builder.BuildAndStart();
    channel_ = server_->InProcessChannel({});
  }
  ~BlobClientTest() override { blobs_.Release(); }

  BlobFile File(const std::string& name, const std::string& bytes) {
    WriteFile(folder_.path() / name, bytes);
    return {DescribeBytes(bytes), folder_.path() / name};
  }

  // To a socket that nobody listens on.
  std::shared_ptr<grpc::Channel> NobodysChannel() {
    return grpc::CreateChannel("unix:" + (folder_.path() / "socket").string(),
                               grpc::InsecureChannelCredentials());
  }

  TempFolder folder_;
  FakeBlobs blobs_;
  std::unique_ptr<grpc::Server> server_;
  std::shared_ptr<grpc::Channel> channel_;
};

TEST_F(BlobClientTest, WhatGoesUpComesDownByteForByte) {
  BlobClient client(channel_, QuickRetries());
  for (const size_t size : {0, 1, 1 << 20, (3 << 20) + 17}) {
    const std::string bytes = Bytes(size);
    const BlobFile up = File("up", bytes);
    ASSERT_TRUE(client.Upload(up).ok());
    const auto down = folder_.path() / "down";
    ASSERT_TRUE(client.Download(up.blob.sha256, down).ok());
    EXPECT_EQ(ReadFile(down), bytes) << size;
    EXPECT_EQ(client.DownloadBytes(up.blob.sha256).value(), bytes) << size;
  }
}

TEST_F(BlobClientTest, BrokenUploadGoesOnWhereTheServerStands) {
  blobs_.BreakStreams(2, 2);
  BlobClient client(channel_, QuickRetries());
  const std::string bytes = Bytes(5 << 20);
  ASSERT_TRUE(client.Upload(DescribeBytes(bytes), bytes).ok());
  EXPECT_THAT(blobs_.write_offsets(), ElementsAre(0, 2 << 20, 4 << 20));
  EXPECT_EQ(blobs_.Get(Sha256OfString(bytes)), bytes);
}

TEST_F(BlobClientTest, UploadOfAnEarlierRunIsTakenUp) {
  const std::string bytes = Bytes(3 << 20);
  blobs_.BreakStreams(1, 1);
  BlobClientOptions impatient = QuickRetries();
  impatient.retry_for = absl::ZeroDuration();
  impatient.interrupted = [this] { return !blobs_.write_offsets().empty(); };
  EXPECT_FALSE(BlobClient(channel_, impatient).Upload(DescribeBytes(bytes), bytes).ok());
  ASSERT_TRUE(BlobClient(channel_, QuickRetries()).Upload(DescribeBytes(bytes), bytes).ok());
  EXPECT_GT(blobs_.write_offsets().back(), 0);
  EXPECT_EQ(blobs_.Get(Sha256OfString(bytes)), bytes);
}

TEST_F(BlobClientTest, BrokenDownloadGoesOnWhereItStopped) {
  const std::string bytes = Bytes(5 << 20);
  const std::string sha256 = blobs_.Put(bytes);
  blobs_.BreakStreams(2, 2);
  BlobClient client(channel_, QuickRetries());
  ASSERT_TRUE(client.Download(sha256, folder_.path() / "down").ok());
  EXPECT_EQ(ReadFile(folder_.path() / "down"), bytes);
  EXPECT_THAT(blobs_.read_offsets(), ElementsAre(0, 2 << 20, 4 << 20));
}

TEST_F(BlobClientTest, DownloadThatDoesNotMatchItsDigestIsRefusedAndLeavesNoFile) {
  const std::string sha256 = blobs_.PutAs(Sha256OfString("right"), "wrong");
  BlobClient client(channel_, QuickRetries());
  const absl::Status status = client.Download(sha256, folder_.path() / "down");
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr(sha256));
  EXPECT_EQ(CountFiles(folder_.path()), 0);
  EXPECT_TRUE(absl::IsDataLoss(client.DownloadBytes(sha256).status()));
}

TEST_F(BlobClientTest, UploadWhoseBytesDoNotMatchIsRefusedWithoutRetry) {
  BlobClient client(channel_, QuickRetries());
  const BlobRef lie{Sha256OfString("right"), 5};
  EXPECT_TRUE(absl::IsInvalidArgument(client.Upload(lie, "wrong")));
  EXPECT_EQ(blobs_.write_offsets().size(), 1);
}

TEST_F(BlobClientTest, DownloadIntoMemoryIsBounded) {
  const std::string sha256 = blobs_.Put(Bytes(2 << 20));
  BlobClient client(channel_, QuickRetries());
  EXPECT_TRUE(absl::IsResourceExhausted(client.DownloadBytes(sha256, 1 << 20).status()));
}

TEST_F(BlobClientTest, AbsentBlobIsNotFoundAtOnce) {
  BlobClient client(channel_, QuickRetries());
  EXPECT_TRUE(absl::IsNotFound(client.Download(Sha256OfString("none"), folder_.path() / "down")));
  EXPECT_EQ(blobs_.reads(), 1);
}

TEST_F(BlobClientTest, FindMissingAsksInGroupsAndKeepsTheOrder) {
  BlobClient client(channel_, QuickRetries());
  std::vector<BlobRef> all, expected;
  for (int i = 0; i < 10001; ++i) {
    const std::string bytes = absl::StrCat(i);
    all.push_back(DescribeBytes(bytes));
    if (i % 5000 == 0) {
      expected.push_back(all.back());
    } else {
      blobs_.Put(bytes);
    }
  }
  EXPECT_EQ(client.FindMissing(all).value(), expected);
}

TEST_F(BlobClientTest, UploadManySendsOnlyWhatIsMissingAndEachBlobOnce) {
  std::vector<BlobFile> files;
  for (int i = 0; i < 20; ++i) {
    files.push_back(File(absl::StrCat("file-", i), absl::StrCat("bytes ", i / 2)));
  }
  blobs_.Put("bytes 3");
  BlobClient client(channel_, QuickRetries());
  int64_t last = -1, total = 0;
  const auto progress = [&](int64_t done, int64_t of) {
    EXPECT_GT(done, last);
    last = done;
    total = of;
  };
  ASSERT_TRUE(client.UploadMany(files, progress, 3).ok());
  EXPECT_EQ(blobs_.write_offsets().size(), 9);
  EXPECT_EQ(last, total);
  EXPECT_EQ(total, 70);
}

TEST_F(BlobClientTest, UploadManyStopsAtAFileThatHasVanished) {
  std::vector<BlobFile> files = {File("here", "here"), File("gone", "gone")};
  std::filesystem::remove(files[1].file);
  BlobClient client(channel_, QuickRetries());
  const absl::Status status = client.UploadMany(files);
  EXPECT_FALSE(status.ok());
  EXPECT_THAT(std::string(status.message()), HasSubstr(files[1].file.string()));
}

TEST_F(BlobClientTest, ServerThatNeverAnswersCostsNoMoreThanTheDeadline) {
  const std::string sha256 = blobs_.Put("bytes");
  blobs_.Hang();
  BlobClientOptions options = QuickRetries();
  options.rpc_deadline = absl::Milliseconds(20);
  options.slowest_bytes_per_second = int64_t{1} << 40;
  BlobClient client(channel_, options);
  const BlobRef blob = DescribeBytes("other");
  EXPECT_TRUE(absl::IsDeadlineExceeded(client.FindMissing({blob}).status()));
  EXPECT_TRUE(absl::IsDeadlineExceeded(client.Upload(blob, "other")));
  EXPECT_TRUE(absl::IsDeadlineExceeded(client.DownloadBytes(sha256).status()));
}

TEST_F(BlobClientTest, ServerThatIsGoneIsUnavailableOncePatienceEnds) {
  BlobClientOptions options = QuickRetries();
  options.retry_for = absl::Milliseconds(10);
  BlobClient client(NobodysChannel(), options);
  EXPECT_TRUE(absl::IsUnavailable(client.FindMissing({DescribeBytes("x")}).status()));
  EXPECT_TRUE(absl::IsUnavailable(client.Upload(DescribeBytes("x"), "x")));
  EXPECT_TRUE(absl::IsUnavailable(client.DownloadBytes(Sha256OfString("x")).status()));
}

TEST_F(BlobClientTest, InterruptionEndsTheRetries) {
  BlobClientOptions options = QuickRetries();
  options.retry_for = absl::InfiniteDuration();
  int asked = 0;
  options.interrupted = [&asked] { return ++asked > 3; };
  BlobClient client(NobodysChannel(), options);
  EXPECT_TRUE(absl::IsCancelled(client.DownloadBytes(Sha256OfString("x")).status()));
}

}  // namespace
}  // namespace alignflow
