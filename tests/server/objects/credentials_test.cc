#include "server/objects/credentials.h"

#include <stdlib.h>

#include <fstream>

#include "gmock/gmock.h"
#include "tests/common/temp_folder.h"

namespace alignflow {
namespace {

using testing::HasSubstr;
using testing::Not;
namespace fs = std::filesystem;

class CredentialsTest : public testing::Test {
 protected:
  void TearDown() override { unsetenv("AWS_SESSION_TOKEN"); }
  fs::path Write(const std::string& text) {
    const fs::path file = folder_.path() / "credentials";
    std::ofstream(file) << text;
    fs::permissions(file, fs::perms::owner_read | fs::perms::owner_write);
    return file;
  }
  TempFolder folder_;
};

TEST_F(CredentialsTest, OfTheEnvironment) {
  setenv("AWS_ACCESS_KEY_ID", "id", 1);
  setenv("AWS_SECRET_ACCESS_KEY", "secret", 1);
  setenv("AWS_SESSION_TOKEN", "token", 1);
  const S3Keys keys = CredentialsSource("").Get().value();
  EXPECT_EQ(keys.access_key, "id");
  EXPECT_EQ(keys.secret_key, "secret");
  EXPECT_EQ(keys.session_token, "token");
  unsetenv("AWS_SECRET_ACCESS_KEY");
  const absl::Status status = CredentialsSource("").Get().status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("AWS_SECRET_ACCESS_KEY"));
}

TEST_F(CredentialsTest, OfTheDefaultProfileOfAFile) {
  const fs::path file = Write(
      "[other]\naws_access_key_id = no\naws_secret_access_key = no\n"
      "# a comment\n[default]\naws_access_key_id = id\naws_secret_access_key=a=b/c+\n");
  const S3Keys keys = CredentialsSource(file).Get().value();
  EXPECT_EQ(keys.access_key, "id");
  EXPECT_EQ(keys.secret_key, "a=b/c+");
}

TEST_F(CredentialsTest, AFileThatChangesIsReadAgain) {
  const fs::path file = Write("aws_access_key_id = id\naws_secret_access_key = old\n");
  CredentialsSource source(file);
  EXPECT_EQ(source.Get()->secret_key, "old");
  Write("aws_access_key_id = id\naws_secret_access_key = new\n");
  fs::last_write_time(file, fs::file_time_type::clock::now() + std::chrono::seconds(5));
  EXPECT_EQ(source.Get()->secret_key, "new");
}

TEST_F(CredentialsTest, AFileThatEverybodyMayReadIsRefused) {
  const fs::path file = Write("aws_access_key_id = id\naws_secret_access_key = hidden\n");
  fs::permissions(file, fs::perms::others_read, fs::perm_options::add);
  const absl::Status status = CredentialsSource(file).Get().status();
  EXPECT_THAT(std::string(status.message()), HasSubstr("everybody may read it"));
  EXPECT_THAT(std::string(status.message()), Not(HasSubstr("hidden")));
}

TEST_F(CredentialsTest, AFileWithoutKeysIsNamed) {
  const fs::path file = Write("[default]\naws_access_key_id = id\n");
  EXPECT_THAT(std::string(CredentialsSource(file).Get().status().message()),
              HasSubstr(file.string()));
  EXPECT_THAT(std::string(CredentialsSource("/nowhere").Get().status().message()),
              HasSubstr("/nowhere"));
}

}  // namespace
}  // namespace alignflow
