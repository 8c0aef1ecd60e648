#include <string>

#include "common/channel.h"
#include "common/listen_address.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace alignflow {
namespace {

using ::testing::HasSubstr;

TEST(HostPortTest, ReadsAndPrintsAddressesOfBothFamilies) {
  for (const char* text : {"127.0.0.1:50051", "[::1]:0", "localhost:65535", "10.1.2.3:1"}) {
    const auto address = ParseHostPort(text);
    ASSERT_TRUE(address.ok()) << address.status();
    EXPECT_EQ(address->ToString(), text);
  }
  EXPECT_EQ(ParseHostPort("[::1]:7")->host, "::1");
  EXPECT_EQ(ParseHostPort("[::1]:7")->port, 7);
}

TEST(HostPortTest, MalformedAddressIsRefusedWithTheForm) {
  for (const char* text : {"", ":", "127.0.0.1", "127.0.0.1:", ":80", "a:65536", "a:-1", "a:+1",
                           "a: 1", "a:1x", "::1:80", "[x]:80", "[::1:80", "a b:1", "a/b:1"}) {
    const auto address = ParseHostPort(text);
    EXPECT_TRUE(absl::IsInvalidArgument(address.status())) << text;
    EXPECT_THAT(std::string(address.status().message()), HasSubstr("HOST:PORT")) << text;
  }
}

TEST(HostPortTest, OnlyThisMachineIsLoopback) {
  for (const char* text :
       {"127.0.0.1:1", "127.8.9.10:1", "[::1]:1", "localhost:1", "LOCALHOST:1"}) {
    EXPECT_TRUE(ParseHostPort(text)->IsLoopback()) << text;
  }
  for (const char* text : {"0.0.0.0:1", "[::]:1", "10.0.0.1:1", "128.0.0.1:1", "example.org:1",
                           "127.0.0.1.example.org:1", "localhost.example.org:1"}) {
    EXPECT_FALSE(ParseHostPort(text)->IsLoopback()) << text;
  }
}

TEST(ChannelTest, WhatCannotBeIsRefusedBeforeAnythingConnects) {
  EXPECT_TRUE(absl::IsInvalidArgument(CreateChannel("nonsense").status()));
  EXPECT_TRUE(CreateChannel("127.0.0.1:50051").ok());
  EXPECT_TRUE(CreateChannel("example.org:50051").ok());
  const absl::Status no_file = CreateChannel("127.0.0.1:50051", {.ca_file = "/no/such.pem",
                                                                 .certificate_file = "",
                                                                 .private_key_file = "",
                                                                 .access_key = ""})
                                   .status();
  EXPECT_TRUE(absl::IsFailedPrecondition(no_file));
  EXPECT_THAT(std::string(no_file.message()), HasSubstr("/no/such.pem"));
  EXPECT_TRUE(absl::IsInvalidArgument(
      CreateChannel(
          "127.0.0.1:50051",
          {.ca_file = "", .certificate_file = "cert.pem", .private_key_file = "", .access_key = ""})
          .status()));
}

TEST(ChannelTest, AKeyThatCouldNotBeOneIsRefusedAndNotShown) {
  for (const char* key : {"two words", "line\nbreak", "umlaut\xc3\xa4"}) {
    const absl::Status status =
        CreateChannel(
            "127.0.0.1:50051",
            {.ca_file = "", .certificate_file = "", .private_key_file = "", .access_key = key})
            .status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
    EXPECT_EQ(std::string(status.message()).find(key), std::string::npos);
  }
}

}  // namespace
}  // namespace alignflow
