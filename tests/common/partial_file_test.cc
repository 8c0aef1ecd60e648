#include "common/partial_file.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/common/temp_folder.h"

namespace alignflow {
namespace {

TEST(PartialFileTest, TargetChangesOnlyAtTheRename) {
  TempFolder folder;
  const auto target = folder.path() / "target";
  WriteFile(target, "old");
  PartialFile file(target);
  ASSERT_TRUE(file.Append("ne").ok());
  ASSERT_TRUE(file.Append("w").ok());
  EXPECT_EQ(ReadFile(target), "old");
  ASSERT_TRUE(file.Rename().ok());
  EXPECT_EQ(ReadFile(target), "new");
}

TEST(PartialFileTest, WhatIsNotRenamedLeavesNothing) {
  TempFolder folder;
  { ASSERT_TRUE(PartialFile(folder.path() / "target").Append("half").ok()); }
  EXPECT_EQ(CountFiles(folder.path()), 0);
}

TEST(PartialFileTest, FolderThatIsNotThereIsNamed) {
  TempFolder folder;
  PartialFile file(folder.path() / "absent" / "target");
  const absl::Status status = file.Append("x");
  EXPECT_TRUE(absl::IsNotFound(status));
  EXPECT_THAT(std::string(status.message()), testing::HasSubstr("absent/target"));
  EXPECT_TRUE(absl::IsNotFound(file.Rename()));
}

}  // namespace
}  // namespace alignflow
