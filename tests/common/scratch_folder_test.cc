#include "common/scratch_folder.h"

#include <stdlib.h>
#include <sys/stat.h>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/common/temp_folder.h"

namespace alignflow {
namespace {

namespace fs = std::filesystem;

class ScratchFolderTest : public testing::Test {
 protected:
  ScratchFolderTest() { setenv("TMPDIR", temporary_.path().c_str(), 1); }
  ~ScratchFolderTest() override { unsetenv("TMPDIR"); }
  TempFolder temporary_;
};

TEST_F(ScratchFolderTest, IsForOurUserAloneAndGoesWithTheObject) {
  {
    const auto scratch = ScratchFolder::Make();
    ASSERT_TRUE(scratch.ok()) << scratch.status();
    struct stat status = {};
    ASSERT_EQ(stat((*scratch)->path().c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0700u);
    EXPECT_EQ((*scratch)->path().parent_path(), temporary_.path());
    ASSERT_TRUE((*scratch)->Write("a", "bytes").ok());
    EXPECT_EQ(ReadFile((*scratch)->path() / "a"), "bytes");
  }
  EXPECT_TRUE(fs::is_empty(temporary_.path()));
}

TEST_F(ScratchFolderTest, IsGoneWhereTheProcessEndsAtOnce) {
  const auto scratch = ScratchFolder::Make();
  ASSERT_TRUE((*scratch)->Write("a", "bytes").ok());
  ScratchFolder::AbandonAll();
  EXPECT_TRUE(fs::is_empty(temporary_.path()));
  const absl::Status status = (*scratch)->Write("b", "bytes");
  EXPECT_THAT(std::string(status.message()), testing::HasSubstr("TMPDIR"));
}

}  // namespace
}  // namespace alignflow
