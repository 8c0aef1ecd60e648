// What afctl says where it may not read.

#include <unistd.h>

#include "tests/client/folder_fixture.h"

namespace alignflow {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

// As another user than root, for whom permissions mean nothing.
class PermissionTest : public FolderTest {
 protected:
  void SetUp() override {
    AddThreePairs();
    fs::permissions(path(), fs::perms::all);
    if (geteuid() == 0) root_ = seteuid(65534) == 0;
  }
  void TearDown() override {
    if (root_) {
      ASSERT_EQ(seteuid(0), 0);
    }
    for (const auto& entry : fs::directory_iterator(path())) {
      fs::permissions(entry.path(), fs::perms::owner_all);
    }
  }
  // Done by the owner of the files.
  void Permit(const std::string& name, fs::perms perms) const {
    if (root_) {
      ASSERT_EQ(seteuid(0), 0);
    }
    fs::permissions(path() / name, perms);
    if (root_) {
      ASSERT_EQ(seteuid(65534), 0);
    }
  }
  // For everybody: another user may still be of root's group.
  static constexpr auto kMayBeListed =
      fs::perms::owner_read | fs::perms::group_read | fs::perms::others_read;
  static constexpr auto kMayBeEntered =
      fs::perms::owner_exec | fs::perms::group_exec | fs::perms::others_exec;
  bool root_ = false;
};

TEST_F(PermissionTest, AFileWithoutReadPermissionIsSaidToBeThat) {
  Permit("images/b.png", fs::perms::none);
  const auto outcome = Push();
  EXPECT_EQ(outcome.json()["error"]["code"], "PERMISSION_DENIED");
  EXPECT_THAT(outcome.err, HasSubstr("images/b.png: no permission to read the file; chmod u+r"));
}

TEST_F(PermissionTest, AFolderWithoutExecutePermissionIsOneFault) {
  Permit("images", kMayBeListed);
  const auto outcome = Push();
  EXPECT_THAT(outcome.err, AllOf(HasSubstr("/images: the folder has no execute permission"),
                                 HasSubstr("chmod u+rx"), Not(HasSubstr("leads nowhere"))));
}

TEST_F(PermissionTest, AFolderThatMayNotBeListedIsSaidToBeThat) {
  Permit("images", kMayBeEntered);
  EXPECT_THAT(Push().err, HasSubstr("/images: no permission to list the folder; chmod u+rx"));
}

}  // namespace
}  // namespace alignflow
