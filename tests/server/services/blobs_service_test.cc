#include "server/services/blobs_service.h"

#include "common/channel.h"
#include "tests/server/coordinator_fixture.h"

namespace alignflow {
namespace {

class BlobsServiceTest : public CoordinatorTest {
 protected:
  // Sends one message and ends the stream.
  absl::Status Write(const v1::Digest& digest, const std::string& data, int64_t offset = 0) {
    const auto stub = v1::Blobs::NewStub(channel_);
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(absl::Now() + absl::Minutes(2)));
    v1::WriteBlobResponse response;
    const auto writer = stub->Write(&context, &response);
    v1::WriteBlobRequest request;
    *request.mutable_digest() = digest;
    request.set_offset(offset);
    request.set_data(data);
    writer->Write(request);
    writer->WritesDone();
    return FromGrpcStatus(writer->Finish());
  }
  static v1::Digest DigestOf(const std::string& bytes) {
    v1::Digest digest;
    digest.set_sha256(DescribeBytes(bytes).sha256);
    digest.set_size_bytes(static_cast<int64_t>(bytes.size()));
    return digest;
  }
};

TEST_F(BlobsServiceTest, WhatIsWrittenInManyChunksIsReadBack) {
  std::string bytes;
  for (int i = 0; bytes.size() < 3u << 20; ++i) bytes += std::to_string(i);
  const v1::Digest digest = Upload(bytes);
  EXPECT_EQ(blobs_->DownloadBytes(digest.sha256()).value(), bytes);
}

TEST_F(BlobsServiceTest, FindMissingKeepsTheOrderAsked) {
  Upload("there");
  const std::vector<BlobRef> missing =
      blobs_->FindMissing({DescribeBytes("b"), DescribeBytes("there"), DescribeBytes("a")}).value();
  EXPECT_EQ(missing, (std::vector<BlobRef>{DescribeBytes("b"), DescribeBytes("a")}));
}

TEST_F(BlobsServiceTest, ABrokenWriteGoesOnWhereItStopped) {
  const v1::Digest digest = DigestOf("hello world");
  EXPECT_TRUE(absl::IsFailedPrecondition(Write(digest, "hello")));
  EXPECT_TRUE(absl::IsOutOfRange(Write(digest, "world", 6)));
  EXPECT_EQ(Write(digest, " world", 5), absl::OkStatus());
  EXPECT_EQ(blobs_->DownloadBytes(digest.sha256()).value(), "hello world");
}

TEST_F(BlobsServiceTest, RefusesBytesOfAnotherDigest) {
  const absl::Status status = Write(DigestOf("hello"), "jello");
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  EXPECT_EQ(blobs_->FindMissing({DescribeBytes("hello")}).value().size(), 1u);
}

TEST_F(BlobsServiceTest, RefusesMoreThanAnnouncedAndChunksThatAreTooLarge) {
  EXPECT_TRUE(absl::IsInvalidArgument(Write(DigestOf("hello"), "hello!")));
  const std::string large(kBlobChunkBytes + 1, 'x');
  EXPECT_TRUE(absl::IsInvalidArgument(Write(DigestOf(large), large)));
}

TEST_F(BlobsServiceTest, RefusesDigestsThatAreNone) {
  v1::Digest digest;
  digest.set_sha256("../../etc/passwd");
  EXPECT_TRUE(absl::IsInvalidArgument(Write(digest, "")));
  digest.set_sha256(std::string(64, 'A'));
  EXPECT_TRUE(absl::IsInvalidArgument(Write(digest, "")));
}

TEST_F(BlobsServiceTest, TellsDamageFromAbsence) {
  EXPECT_TRUE(absl::IsNotFound(blobs_->DownloadBytes(std::string(64, '0')).status()));
  const std::string sha256 = Upload("hello").sha256();
  const std::filesystem::path file =
      folder_.path() / "state" / "blobs" / sha256.substr(0, 2) / sha256.substr(2);
  std::filesystem::permissions(file, std::filesystem::perms::owner_all);
  WriteFile(file, "jello");
  EXPECT_TRUE(absl::IsDataLoss(blobs_->DownloadBytes(sha256).status()));
  EXPECT_TRUE(absl::IsNotFound(blobs_->DownloadBytes(sha256).status()));
}

}  // namespace
}  // namespace alignflow
