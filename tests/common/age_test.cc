#include "common/age.h"

#include <gtest/gtest.h>

#include <utility>

namespace alignflow {
namespace {

TEST(Age, IsReadWithItsUnit) {
  const std::pair<const char*, absl::Duration> ages[] = {
      {"90d", absl::Hours(24 * 90)}, {"12h", absl::Hours(12)},
      {"1d12h", absl::Hours(36)},    {"30m", absl::Minutes(30)},
      {"0", absl::ZeroDuration()},   {"0d", absl::ZeroDuration()},
      {"1.5d", absl::Hours(36)},     {"1h30m", absl::Minutes(90)},
      {"100000d", kMaxAge},          {"never", absl::InfiniteDuration()}};
  for (const auto& [text, age] : ages) {
    ASSERT_TRUE(ParseAge(text).ok()) << text;
    EXPECT_EQ(*ParseAge(text), age) << text;
  }
}

TEST(Age, PlainNumbersAreDays) {
  EXPECT_EQ(*ParseAge("7"), absl::Hours(24 * 7));
  EXPECT_EQ(*ParseAge("0.5"), absl::Hours(12));
}

TEST(Age, WhatIsNoneIsRefusedWithTheForms) {
  for (const char* text : {"", "d", "-1", "-1d", "-3h", "inf", "infd", "nan", "100001d", "1e9",
                           "90 days", "12h1d", "1d1d", "forever", "h"}) {
    const auto age = ParseAge(text);
    EXPECT_TRUE(absl::IsInvalidArgument(age.status())) << text;
    EXPECT_NE(age.status().message().find("90d, 12h"), std::string::npos) << age.status();
  }
}

TEST(Age, IsWrittenAsItCanBeRead) {
  for (const char* text : {"90d", "12h", "1d12h", "30m", "0", "never"}) {
    EXPECT_EQ(AgeText(*ParseAge(text)), text);
  }
}

}  // namespace
}  // namespace alignflow
