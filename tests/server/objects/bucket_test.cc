#include "server/objects/bucket.h"

#include <fcntl.h>

#include <fstream>
#include <numeric>

#include "common/digest.h"
#include "gmock/gmock.h"
#include "server/blobs/blob_stream.h"
#include "tests/common/temp_folder.h"
#include "tests/server/objects/fake_object_store.h"

namespace alignflow {
namespace {

using Fault = FakeObjectStore::Fault;
using BucketTrouble = FakeObjectStore::Trouble;
using testing::HasSubstr;
using testing::Not;

class BucketTest : public testing::Test {
 protected:
  void SetUp() override { bucket_ = Bucket::Open(store_.Options()).value(); }

  static std::string Bytes(size_t size) {
    std::string bytes(size, '\0');
    for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>((i * 7 + i / 251) & 0xff);
    return bytes;
  }
  absl::Status PutFile(const std::string& bytes) {
    const std::filesystem::path file = folder_.path() / "file";
    std::ofstream(file, std::ios::binary) << bytes;
    const FileHandle handle(open(file.c_str(), O_RDONLY));
    return bucket_->PutFile("key", handle.get(), static_cast<int64_t>(bytes.size()),
                            Sha256OfString(bytes));
  }
  std::string Stored(const std::string& key = "key") {
    const auto objects = store_.objects();
    const auto object = objects.find("blobs/" + key);
    return object == objects.end() ? "(none)" : object->second;
  }

  TempFolder folder_;
  FakeObjectStore store_;
  std::unique_ptr<Bucket> bucket_;
};

TEST_F(BucketTest, GivesBackWhatItWasGiven) {
  const std::string bytes = Bytes(100'000);
  ASSERT_TRUE(PutFile(bytes).ok());
  EXPECT_EQ(Stored(), bytes);
  EXPECT_EQ(bucket_->SizeOf("key").value(), 100'000);
  EXPECT_EQ(bucket_->Get("key", 99'990, 10).value(), bytes.substr(99'990));
  EXPECT_EQ(bucket_->Get("key", 0, 5).value(), bytes.substr(0, 5));
  EXPECT_TRUE(absl::IsNotFound(bucket_->Get("other", 0, 5).status()));
  EXPECT_TRUE(absl::IsNotFound(bucket_->SizeOf("other").status()));
}

TEST_F(BucketTest, KeepsTheEmptyObject) {
  ASSERT_TRUE(PutFile("").ok());
  EXPECT_EQ(Stored(), "");
  EXPECT_EQ(bucket_->SizeOf("key").value(), 0);
}

TEST_F(BucketTest, LargeObjectsGoInParts) {
  const std::string bytes = Bytes((3 << 20) + 17);
  ASSERT_TRUE(PutFile(bytes).ok());
  EXPECT_EQ(Stored(), bytes);
  EXPECT_EQ(store_.uploads(), 0);
  const auto requests = store_.requests();
  EXPECT_EQ(std::ranges::count(requests, "PUT /bucket/blobs/key"), 4);
}

// Every trouble that passes, at each of the requests of an upload in parts.
TEST_F(BucketTest, WhatPassesByItselfIsTriedAgain) {
  const std::string bytes = Bytes((2 << 20) + 17);
  for (const std::string method : {"POST", "PUT"}) {
    for (const BucketTrouble trouble :
         {BucketTrouble::kStatus, BucketTrouble::kLostAnswer, BucketTrouble::kSilence}) {
      store_.Erase("blobs/key");
      store_.Break({.method = method, .trouble = trouble});
      EXPECT_EQ(PutFile(bytes), absl::OkStatus()) << method << static_cast<int>(trouble);
      EXPECT_EQ(Stored(), bytes);
      EXPECT_FALSE(store_.HasFaults());
    }
  }
  for (const BucketTrouble trouble : {BucketTrouble::kStatus, BucketTrouble::kLostAnswer,
                                      BucketTrouble::kSilence, BucketTrouble::kCutShort}) {
    store_.Break({.method = "GET", .trouble = trouble});
    EXPECT_EQ(bucket_->Get("key", 5, 1000).value_or("(none)"), bytes.substr(5, 1000));
    EXPECT_FALSE(store_.HasFaults());
  }
}

TEST_F(BucketTest, AnUploadWhoseLastAnswerWasLostIsNoError) {
  const std::string bytes = Bytes((1 << 20) + 1);
  // The first POST begins the upload, the second ends it.
  ASSERT_TRUE(PutFile(Bytes((1 << 20) + 2)).ok());
  store_.Break(
      {.method = "PUT", .trouble = BucketTrouble::kStatus, .status = 429, .code = "", .times = 2});
  ASSERT_TRUE(PutFile(bytes).ok());
  EXPECT_EQ(Stored(), bytes);
}

TEST_F(BucketTest, AStoreThatStaysDownIsGivenUpInTime) {
  BucketOptions options = store_.Options();
  options.patience = absl::Milliseconds(200);
  bucket_ = Bucket::Open(options).value();
  store_.Break({.method = "", .times = 1'000'000});
  const absl::Status status = bucket_->Put("key", "bytes");
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("s3://bucket/blobs/ at http://127.0.0.1:"));
  EXPECT_GT(store_.requests().size(), 3) << "it was asked again";
  store_.Mend();
  EXPECT_TRUE(bucket_->Put("key", "bytes").ok());
}

TEST_F(BucketTest, APartThatCanNotBeWrittenLeavesNoUpload) {
  BucketOptions options = store_.Options();
  options.patience = absl::Milliseconds(50);
  bucket_ = Bucket::Open(options).value();
  store_.Break({.method = "PUT", .times = 1'000'000});
  EXPECT_TRUE(absl::IsUnavailable(PutFile(Bytes((1 << 20) + 1))));
  EXPECT_EQ(store_.uploads(), 0);
  EXPECT_EQ(Stored(), "(none)");
}

TEST_F(BucketTest, ListsPageByPage) {
  store_.set_page(3);
  for (const char* key : {"a", "b", "c", "d", "e"}) ASSERT_TRUE(bucket_->Put(key, key).ok());
  store_.Set("elsewhere/f", "f");
  Bucket::Page page = bucket_->List("").value();
  ASSERT_EQ(page.objects.size(), 3);
  EXPECT_TRUE(page.more);
  EXPECT_EQ(page.objects[2].key, "c");
  page = bucket_->List("c").value();
  ASSERT_EQ(page.objects.size(), 2);
  EXPECT_FALSE(page.more);
  EXPECT_EQ(page.objects[1].bytes, 1);
}

TEST_F(BucketTest, DeletesManyAtOnce) {
  for (const char* key : {"a", "b", "c"}) ASSERT_TRUE(bucket_->Put(key, key).ok());
  const size_t before = store_.requests().size();
  ASSERT_TRUE(bucket_->Delete({"a", "c", "never there"}).ok());
  EXPECT_EQ(store_.requests().size(), before + 1);
  EXPECT_EQ(store_.objects().size(), 1);
  EXPECT_TRUE(bucket_->Delete({"b"}).ok());
  EXPECT_TRUE(bucket_->Delete({"b"}).ok()) << "what is gone is no error";
}

TEST_F(BucketTest, UnfinishedUploadsAreEndedButNotThoseOfOthers) {
  store_.BeginUpload("blobs/key");
  store_.BeginUpload("elsewhere/key");
  EXPECT_EQ(bucket_->AbortUploads().value(), 1);
  EXPECT_EQ(store_.uploads(), 1);
}

TEST_F(BucketTest, ConnectionsAreUsedAgain) {
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(bucket_->Put("key", "bytes").ok());
  EXPECT_EQ(store_.connections(), 1);
}

TEST_F(BucketTest, NoMoreConnectionsThanAllowedAreOpen) {
  BucketOptions options = store_.Options();
  options.connections = 2;
  bucket_ = Bucket::Open(options).value();
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      for (int k = 0; k < 20; ++k) EXPECT_TRUE(bucket_->Put("key", "bytes").ok());
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_LE(store_.connections(), 2);
}

TEST_F(BucketTest, LeavesNothingOfTheCheckOfItsRights) {
  EXPECT_EQ(bucket_->CheckRights(), absl::OkStatus());
  EXPECT_TRUE(store_.objects().empty());
}

struct Refused {
  int status;
  const char* code;
  const char* remedy;
};

class BucketRefusalTest : public BucketTest, public testing::WithParamInterface<Refused> {};

TEST_P(BucketRefusalTest, NamesTheBucketAndTheRemedyAndIsNotTriedAgain) {
  store_.Break({.method = "",
                .trouble = BucketTrouble::kStatus,
                .status = GetParam().status,
                .code = GetParam().code,
                .times = 1'000'000});
  const absl::Status status = bucket_->CheckRights();
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("s3://bucket/blobs/"));
  EXPECT_THAT(std::string(status.message()), HasSubstr(GetParam().remedy));
  EXPECT_THAT(std::string(status.message()), Not(HasSubstr("a secret")));
  EXPECT_EQ(store_.requests().size(), 1);
}

INSTANTIATE_TEST_SUITE_P(Codes, BucketRefusalTest,
                         testing::Values(Refused{403, "InvalidAccessKeyId", "AWS_ACCESS_KEY_ID"},
                                         Refused{403, "SignatureDoesNotMatch", "secret key"},
                                         Refused{403, "AccessDenied", "s3:PutObject"},
                                         Refused{403, "RequestTimeTooSkewed", "clocks"},
                                         Refused{404, "NoSuchBucket", "there is no bucket bucket"},
                                         Refused{301, "PermanentRedirect", "--s3-region"},
                                         Refused{400, "AuthorizationHeaderMalformed",
                                                 "--s3-region"},
                                         Refused{400, "ExpiredToken", "has run out"}));

TEST_F(BucketTest, AStoreThatIsFullSaysSo) {
  store_.Break({.method = "PUT", .status = 507, .code = "XMinioStorageFull"});
  EXPECT_TRUE(absl::IsResourceExhausted(bucket_->Put("key", "bytes")));
}

TEST_F(BucketTest, NobodyThereIsSaid) {
  BucketOptions options = store_.Options();
  options.endpoint = "http://127.0.0.1:1";
  options.patience = absl::Milliseconds(50);
  bucket_ = Bucket::Open(options).value();
  const absl::Status status = bucket_->CheckRights();
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("http://127.0.0.1:1"));
}

}  // namespace
}  // namespace alignflow
