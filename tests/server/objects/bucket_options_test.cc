#include "server/objects/bucket_options.h"

#include "gmock/gmock.h"

namespace alignflow {
namespace {

using testing::HasSubstr;

std::string Complete(const std::string& endpoint, bool plain_http = false) {
  BucketOptions options;
  options.endpoint = endpoint;
  options.plain_http = plain_http;
  const absl::Status status = CompleteBucketOptions(options);
  return status.ok() ? options.endpoint : std::string(status.message());
}

TEST(BucketOptionsTest, ReadsBucketAndPrefix) {
  BucketOptions options;
  ASSERT_TRUE(ParseBucketUrl("s3://scans", options).ok());
  EXPECT_EQ(options.Url(), "s3://scans/");
  ASSERT_TRUE(ParseBucketUrl("s3://scans/a/b", options).ok());
  EXPECT_EQ(options.bucket, "scans");
  EXPECT_EQ(options.prefix, "a/b/");
  ASSERT_TRUE(ParseBucketUrl("s3://scans/a/b/", options).ok());
  EXPECT_EQ(options.Url(), "s3://scans/a/b/");
}

TEST(BucketOptionsTest, RefusesWhatStoresReadDifferently) {
  for (const char* url : {"scans", "https://scans/a", "s3://", "s3://Scans", "s3://a", "s3://-ab",
                          "s3://scans/a//b", "s3://scans/../b", "s3://scans/a b", "s3://scans/%41",
                          "s3://scans//", "s3://key:secret@scans/a"}) {
    BucketOptions options;
    const absl::Status status = ParseBucketUrl(url, options);
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << url;
    EXPECT_THAT(std::string(status.message()), HasSubstr("give s3://BUCKET")) << url;
  }
}

TEST(BucketOptionsTest, WithoutAnEndpointItIsAmazonsOfTheRegion) {
  BucketOptions options;
  options.region = "eu-central-1";
  ASSERT_TRUE(CompleteBucketOptions(options).ok());
  EXPECT_EQ(options.endpoint, "https://s3.eu-central-1.amazonaws.com");
}

TEST(BucketOptionsTest, PlainHttpBeyondLoopbackOnlyIfItIsAskedFor) {
  EXPECT_EQ(Complete("https://s3.example.org/"), "https://s3.example.org");
  EXPECT_EQ(Complete("http://127.0.0.1:9000"), "http://127.0.0.1:9000");
  EXPECT_EQ(Complete("http://localhost"), "http://localhost");
  EXPECT_EQ(Complete("http://[::1]:9000"), "http://[::1]:9000");
  EXPECT_THAT(Complete("http://s3.example.org"), HasSubstr("unencrypted"));
  EXPECT_EQ(Complete("http://s3.example.org", true), "http://s3.example.org");
}

TEST(BucketOptionsTest, RefusesEndpointsThatAreNoHost) {
  for (const char* url : {"s3.example.org", "ftp://s3.example.org", "https://", "https://a/b",
                          "https://key:secret@s3.example.org", "https://s3.example.org?x=y"}) {
    EXPECT_THAT(Complete(url), HasSubstr("--s3-endpoint")) << url;
    EXPECT_THAT(Complete(url), HasSubstr("give")) << url;
  }
}

}  // namespace
}  // namespace alignflow
