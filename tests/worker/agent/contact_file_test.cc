#include "worker/agent/contact_file.h"

#include "gtest/gtest.h"
#include "tests/common/temp_folder.h"

namespace alignflow {
namespace {

namespace fs = std::filesystem;

class ContactFileTest : public testing::Test {
 protected:
  fs::path Folder(const char* worker) const {
    const fs::path folder = cache_.path() / "workers" / worker;
    fs::create_directories(folder);
    return folder;
  }

  TempFolder cache_;
};

TEST_F(ContactFileTest, WithoutAnAnswerThereIsNoAge) {
  EXPECT_TRUE(absl::IsFailedPrecondition(ContactAge(cache_.path()).status()));
  ContactFile contact(Folder("1"));
  EXPECT_TRUE(absl::IsFailedPrecondition(ContactAge(cache_.path()).status()));
}

TEST_F(ContactFileTest, AnAnswerIsRemembered) {
  ContactFile contact(Folder("1"));
  contact.Touch();
  contact.Touch();
  const absl::StatusOr<absl::Duration> age = ContactAge(cache_.path());
  ASSERT_TRUE(age.ok()) << age.status();
  EXPECT_GE(*age, absl::ZeroDuration());
  EXPECT_LT(*age, absl::Minutes(10));
}

TEST_F(ContactFileTest, OfSeveralWorkersTheLatestCounts) {
  WriteFile(Folder("1") / ContactFile::kName, "1\n");  // a second after the machine started
  const absl::Duration before = ContactAge(cache_.path()).value();
  ContactFile contact(Folder("2"));
  contact.Touch();
  EXPECT_LE(ContactAge(cache_.path()).value(), before);
  WriteFile(Folder("3") / ContactFile::kName, "");  // no number
  EXPECT_TRUE(ContactAge(cache_.path()).ok());
}

}  // namespace
}  // namespace alignflow
