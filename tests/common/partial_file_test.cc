#include "common/partial_file.h"

#include <sys/stat.h>

#include <string>

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

// The name of the one unfinished file.
std::string UnfinishedIn(const std::filesystem::path& folder) {
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (PartialFile::IsUnfinished(entry.path())) return entry.path();
  }
  return "";
}

TEST(PartialFileTest, ReplacedFileKeepsItsMode) {
  TempFolder folder;
  const auto target = folder.path() / "target";
  WriteFile(target, "old");
  ASSERT_EQ(chmod(target.c_str(), 0640), 0);
  PartialFile file(target);
  ASSERT_TRUE(file.Append("new").ok());
  ASSERT_TRUE(file.Sync().ok());
  ASSERT_TRUE(file.Rename().ok());
  struct stat is = {};
  ASSERT_EQ(stat(target.c_str(), &is), 0);
  EXPECT_EQ(is.st_mode & 07777, 0640u);
}

TEST(PartialFileTest, LinkThatSomebodyPutInTheWayIsNotFollowed) {
  TempFolder folder;
  const auto target = folder.path() / "target", precious = folder.path() / "precious";
  WriteFile(precious, "mine");
  std::string next;
  {
    const PartialFile first(target);
    const std::string name = UnfinishedIn(folder.path());
    const size_t number = name.rfind('.', name.size() - 6) + 1;
    next = name.substr(0, number) + std::to_string(std::stoi(name.substr(number)) + 1) + ".part";
  }
  std::filesystem::create_symlink(precious, next);
  PartialFile file(target);
  ASSERT_TRUE(file.Append("new").ok());
  ASSERT_TRUE(file.Rename().ok());
  EXPECT_EQ(ReadFile(precious), "mine");
  EXPECT_EQ(ReadFile(target), "new");
}

TEST(PartialFileTest, ProcessThatEndsAtOnceLeavesNothing) {
  TempFolder folder;
  EXPECT_EXIT(
      {
        PartialFile file(folder.path() / "target");
        file.Append("half").IgnoreError();
        PartialFile::AbandonAll();
        _exit(7);
      },
      testing::ExitedWithCode(7), "");
  EXPECT_EQ(CountFiles(folder.path()), 0);
}

}  // namespace
}  // namespace alignflow
