#include "worker/agent/work_folder.h"

#include "gtest/gtest.h"
#include "tests/common/temp_folder.h"

namespace alignflow {
namespace {

namespace fs = std::filesystem;

TEST(WorkFolderTest, EachWorkerHasAFolderOfItsOwnAndLeavesNothing) {
  TempFolder cache;
  {
    const auto one = WorkFolder::Create(cache.path());
    const auto other = WorkFolder::Create(cache.path());
    ASSERT_TRUE(one.ok() && other.ok());
    EXPECT_NE((*one)->path(), (*other)->path());
    WriteFile((*one)->path() / "file", "x");
    EXPECT_EQ(CountFiles((*other)->path()), 0);
  }
  EXPECT_EQ(CountFiles(cache.path() / "workers"), 0);
}

TEST(WorkFolderTest, FolderOfADeadWorkerIsRemovedAndALivingOnesIsNot) {
  TempFolder cache;
  const auto living = WorkFolder::Create(cache.path());
  ASSERT_TRUE(living.ok());
  WriteFile((*living)->path() / "file", "x");
  const fs::path dead = cache.path() / "workers" / "77";
  fs::create_directory(dead);
  WriteFile(dead / "file", "x");
  WriteFile(dead.string() + ".lock", "");
  const auto next = WorkFolder::Create(cache.path());
  ASSERT_TRUE(next.ok());
  EXPECT_FALSE(fs::exists(dead));
  EXPECT_FALSE(fs::exists(dead.string() + ".lock"));
  EXPECT_TRUE(fs::exists((*living)->path() / "file"));
}

TEST(WorkFolderTest, CacheFolderIsPrivate) {
  TempFolder parent;
  const auto folder = WorkFolder::Create(parent.path() / "new" / "cache");
  ASSERT_TRUE(folder.ok()) << folder.status();
  EXPECT_EQ(fs::status(parent.path() / "new" / "cache").permissions(), fs::perms::owner_all);
}

TEST(WorkFolderTest, FileInTheWayIsNamedWithTheRemedy) {
  TempFolder parent;
  WriteFile(parent.path() / "cache", "a file");
  const absl::Status status = WorkFolder::Create(parent.path() / "cache").status();
  EXPECT_FALSE(status.ok());
  EXPECT_NE(status.message().find("--cache-dir"), std::string::npos);
}

}  // namespace
}  // namespace alignflow
