#include "server/blobs/blob_owners.h"

#include <filesystem>

#include "absl/strings/escaping.h"
#include "common/digest.h"
#include "gtest/gtest.h"
#include "tests/common/temp_folder.h"

namespace alignflow {
namespace {

const absl::Time kOwnersStart = absl::FromUnixSeconds(1000000);
const BlobOwner kUpload = BlobOwner::Upload("push-1");
const BlobOwner kLease = BlobOwner::Lease(std::string(64, 'a'), 7);

class BlobOwnersTest : public testing::Test {
 protected:
  static bool Pins(BlobOwners& owners, const std::string& blob,
                   const std::function<bool(const BlobOwner&, absl::Time)>& lives) {
    return owners.Collect(lives).contains(absl::HexStringToBytes(blob));
  }
  static bool All(const BlobOwner&, absl::Time) { return true; }
  static bool None(const BlobOwner&, absl::Time) { return false; }

  TempFolder folder_;
  const std::string a_ = Sha256OfString("a"), b_ = Sha256OfString("b");
};

TEST_F(BlobOwnersTest, PinsOutliveTheProcess) {
  {
    BlobOwners owners(folder_.path());
    ASSERT_TRUE(owners.Pin(kUpload, {a_}, kOwnersStart).ok());
    ASSERT_TRUE(owners.Pin(kLease, {b_}, kOwnersStart + absl::Seconds(5)).ok());
  }
  BlobOwners owners(folder_.path());
  std::map<BlobOwner, absl::Time> seen;
  const auto pinned = owners.Collect([&](const BlobOwner& owner, absl::Time renewed) {
    seen[owner] = renewed;
    return true;
  });
  EXPECT_EQ(pinned.size(), 2u);
  EXPECT_EQ(seen, (std::map<BlobOwner, absl::Time>{{kUpload, kOwnersStart},
                                                   {kLease, kOwnersStart + absl::Seconds(5)}}));
}

TEST_F(BlobOwnersTest, WhoDoesNotLiveLetsGo) {
  BlobOwners owners(folder_.path());
  ASSERT_TRUE(owners.Pin(kUpload, {a_, b_}, kOwnersStart).ok());
  ASSERT_TRUE(owners.Pin(kLease, {b_}, kOwnersStart).ok());
  const auto lease_only = [](const BlobOwner& owner, absl::Time) { return owner == kLease; };
  EXPECT_FALSE(Pins(owners, a_, lease_only));
  EXPECT_TRUE(Pins(owners, b_, lease_only)) << "another owner pins it, too";
  owners.Release(kLease);
  EXPECT_TRUE(std::filesystem::is_empty(folder_.path()));
}

TEST_F(BlobOwnersTest, WhoeverHasACallUnderWayLives) {
  BlobOwners owners(folder_.path());
  ASSERT_TRUE(owners.Pin(kUpload, {a_}, kOwnersStart).ok());
  owners.BeginCall(kUpload);
  EXPECT_TRUE(Pins(owners, a_, None));
  owners.EndCall(kUpload, kOwnersStart + absl::Hours(5));
  EXPECT_TRUE(Pins(owners, a_, [](const BlobOwner&, absl::Time renewed) {
    return renewed == kOwnersStart + absl::Hours(5);
  })) << "a call's end is a sign of life";
  EXPECT_FALSE(Pins(owners, a_, None));
}

TEST_F(BlobOwnersTest, WhatIsPinnedDuringACollectionIsTold) {
  BlobOwners owners(folder_.path());
  ASSERT_TRUE(owners.Pin(kUpload, {a_}, kOwnersStart).ok());
  owners.Collect(All);
  EXPECT_FALSE(owners.PinnedSince(a_));
  ASSERT_TRUE(owners.Pin(kLease, {b_}, kOwnersStart).ok());
  EXPECT_TRUE(owners.PinnedSince(b_));
}

TEST_F(BlobOwnersTest, ATornPinCostsNoOther) {
  {
    BlobOwners owners(folder_.path());
    ASSERT_TRUE(owners.Pin(kUpload, {a_}, kOwnersStart).ok());
  }
  const std::filesystem::path file = folder_.path() / "upload-push-1";
  std::filesystem::resize_file(file, std::filesystem::file_size(file) + 5);
  BlobOwners owners(folder_.path());
  ASSERT_TRUE(owners.Pin(kUpload, {b_}, kOwnersStart).ok());
  EXPECT_TRUE(Pins(owners, a_, All));
  EXPECT_TRUE(Pins(owners, b_, All));
}

TEST_F(BlobOwnersTest, AnOwnersPinsAreBounded) {
  BlobOwners owners(folder_.path());
  const std::vector<std::string> many(1'000'000, a_);
  for (int i = 0; i < 8; ++i) ASSERT_TRUE(owners.Pin(kUpload, many, kOwnersStart).ok());
  EXPECT_TRUE(absl::IsResourceExhausted(owners.Pin(kUpload, {b_}, kOwnersStart)));
}

}  // namespace
}  // namespace alignflow
