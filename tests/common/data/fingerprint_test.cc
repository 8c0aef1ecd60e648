#include "common/data/fingerprint.h"

#include <gtest/gtest.h>

namespace alignflow {
namespace {

// Differs from the empty one in so many bits.
Fingerprint WithBits(int count) {
  Fingerprint fingerprint;
  for (int i = 0; i < count; ++i) fingerprint.bits[i % 4] |= uint64_t{1} << (i / 4);
  return fingerprint;
}

TEST(FingerprintTest, BytesTurnBackAndOtherLengthsAreNone) {
  const Fingerprint fingerprint{{0x0123456789abcdef, ~uint64_t{0}, 0, 42}};
  EXPECT_EQ(FingerprintBytes(fingerprint).size(), 32u);
  EXPECT_EQ(FingerprintFromBytes(FingerprintBytes(fingerprint)), fingerprint);
  EXPECT_FALSE(FingerprintFromBytes("").has_value());
  EXPECT_FALSE(FingerprintFromBytes(std::string(31, 'x')).has_value());
}

TEST(FingerprintTest, TheNearestWithinTheLimitIsTheSamePicture) {
  const std::vector<SetMember> others{{"far", "1", WithBits(60)},
                                      {"near", "2", WithBits(kNearDuplicateBits)},
                                      {"unknown", "3", std::nullopt}};
  const auto same = FindSame({{"a", "x", WithBits(0)}}, others);
  ASSERT_EQ(same.size(), 1u);
  EXPECT_EQ(same[0].other, 1u);
  EXPECT_FALSE(same[0].same_file);
  EXPECT_TRUE(FindSame({{"a", "x", WithBits(0)}}, {others[0], others[2]}).empty());
}

TEST(FingerprintTest, TheSameFileIsFoundWithoutFingerprints) {
  const auto same = FindSame({{"a", "x", std::nullopt}, {"b", "y", std::nullopt}},
                             {{"c", "z", std::nullopt}, {"d", "y", std::nullopt}});
  ASSERT_EQ(same.size(), 1u);
  EXPECT_EQ(same[0].row, 1u);
  EXPECT_EQ(same[0].other, 1u);
  EXPECT_TRUE(same[0].same_file);
}

TEST(FingerprintTest, UnknownPicturesAreNeverTheSame) {
  EXPECT_TRUE(FindRepeated({{"a", "", std::nullopt}, {"b", "", std::nullopt}}).empty());
}

TEST(FingerprintTest, ARepeatedPictureIsFoundOnceWithItsFirst) {
  const auto repeated = FindRepeated({{"a", "x", WithBits(0)},
                                      {"b", "y", WithBits(100)},
                                      {"c", "x", WithBits(0)},
                                      {"d", "w", WithBits(3)}});
  ASSERT_EQ(repeated.size(), 2u);
  EXPECT_EQ(repeated[0].row, 2u);
  EXPECT_EQ(repeated[0].other, 0u);
  EXPECT_TRUE(repeated[0].same_file);
  EXPECT_EQ(repeated[1].row, 3u);
  EXPECT_FALSE(repeated[1].same_file);
}

}  // namespace
}  // namespace alignflow
