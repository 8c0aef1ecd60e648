#include "common/digest.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/common/temp_folder.h"

namespace alignflow {
namespace {

using ::testing::HasSubstr;

TEST(DigestTest, KnownAnswersOfFips180) {
  EXPECT_EQ(Sha256OfString(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(Sha256OfString("abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(DigestTest, PiecesAndFilesGiveTheDigestOfTheWhole) {
  const std::string bytes(600000, 'x');
  Sha256 pieces;
  pieces.Update(bytes.substr(0, 1000));
  pieces.Update("");
  pieces.Update(bytes.substr(1000));
  EXPECT_EQ(pieces.Finish(), Sha256OfString(bytes));
  TempFolder folder;
  WriteFile(folder.path() / "file", bytes);
  EXPECT_EQ(Sha256OfFile(folder.path() / "file").value(), Sha256OfString(bytes));
}

TEST(DigestTest, FileThatCannotBeReadIsNamed) {
  TempFolder folder;
  const auto absent = Sha256OfFile(folder.path() / "absent").status();
  EXPECT_TRUE(absl::IsNotFound(absent));
  EXPECT_THAT(std::string(absent.message()), HasSubstr("absent"));
  EXPECT_FALSE(Sha256OfFile(folder.path()).ok());
}

TEST(DigestTest, OnlyLowerCaseHexOfFullLengthIsADigest) {
  const std::string digest = Sha256OfString("");
  EXPECT_TRUE(IsSha256Hex(digest));
  EXPECT_FALSE(IsSha256Hex(digest.substr(1)));
  EXPECT_FALSE(IsSha256Hex(digest + "0"));
  EXPECT_FALSE(IsSha256Hex("E" + digest.substr(1)));
  EXPECT_FALSE(IsSha256Hex("/" + digest.substr(1)));
  EXPECT_FALSE(IsSha256Hex(""));
}

}  // namespace
}  // namespace alignflow
