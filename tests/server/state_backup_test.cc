#include "server/state_backup.h"

#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "gmock/gmock.h"
#include "server/access/access_keys.h"
#include "server/state_folder.h"
#include "tests/server/coordinator_fixture.h"

namespace alignflow {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class StateBackupTest : public CoordinatorTest {
 protected:
  void SetUp() override {
    SKIP_ON_POSTGRES("pg_dump copies it");
    CoordinatorTest::SetUp();
  }
  std::filesystem::path State() const { return folder_.path() / "state"; }
  std::filesystem::path Backup() const { return folder_.path() / "backup"; }
  static std::filesystem::path BlobOf(const std::filesystem::path& state,
                                      const std::string& sha256) {
    return state / "blobs" / sha256.substr(0, 2) / sha256.substr(2);
  }
  std::string DoneJob(int seed = 0) {
    v1::CreateJobRequest request = JobRequest(2);
    Set(request, "seed", std::to_string(seed));
    const std::string name = CreateJob(request).value().name();
    Work(Register());
    return name;
  }
};

TEST_F(StateBackupTest, ACopyOfAStateAtWorkIsWholeAndCanBeGoneOnWith) {
  const std::string name = DoneJob();
  absl::Status status;
  const size_t pairs = PairsOf(name, 0, &status).size();
  const absl::StatusOr<CopiedState> copied = BackUpState(State(), Backup());
  ASSERT_TRUE(copied.ok()) << copied.status();
  EXPECT_GT(copied->copied, 0);
  EXPECT_EQ(copied->missing, 0);
  coordinator_.reset();
  std::filesystem::remove_all(State());
  ASSERT_TRUE(RestoreState(Backup(), State()).ok());
  EXPECT_FALSE(CheckState(State())->any());
  Start();
  EXPECT_EQ(GetJob(name).state(), v1::JOB_STATE_SUCCEEDED);
  EXPECT_EQ(PairsOf(name, 0, &status).size(), pairs);
  EXPECT_EQ(status, absl::OkStatus());
}

TEST_F(StateBackupTest, ASecondCopyCostsWhatIsNew) {
  DoneJob();
  const int64_t all = BackUpState(State(), Backup())->copied;
  EXPECT_EQ(BackUpState(State(), Backup())->copied, 0);
  DoneJob(1);
  const CopiedState more = BackUpState(State(), Backup()).value();
  EXPECT_GT(more.copied, 0);
  EXPECT_EQ(more.blobs, all + more.copied);
}

TEST_F(StateBackupTest, WhatIsLostOrDamagedIsNamed) {
  DoneJob();
  const std::string lost = Upload(GreyPng(8, 6, 0)).sha256();
  const std::string damaged = Upload(GreyPng(8, 6, 1)).sha256();
  coordinator_.reset();
  std::filesystem::remove(BlobOf(State(), lost));
  std::filesystem::permissions(BlobOf(State(), damaged), std::filesystem::perms::owner_all);
  std::ofstream(BlobOf(State(), damaged), std::ios::app) << "x";
  const StateProblems problems = CheckState(State()).value();
  EXPECT_THAT(problems.lost, ElementsAre(lost));
  EXPECT_THAT(problems.damaged, ElementsAre(damaged));
  EXPECT_THAT(problems.of_catalog, IsEmpty());
  EXPECT_EQ(BackUpState(State(), Backup())->missing, 2);
}

TEST_F(StateBackupTest, NothingIsRestoredOverAState) {
  DoneJob();
  ASSERT_TRUE(BackUpState(State(), Backup()).ok());
  const absl::Status status = RestoreState(Backup(), State()).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("not empty"));
}

TEST_F(StateBackupTest, AFolderThatIsNoStateIsSaidSo) {
  const absl::Status status = BackUpState(folder_.path(), Backup()).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("no state folder"));
}

TEST_F(StateBackupTest, ACopyOpensToTheSameKeys) {
  DoneJob();
  ASSERT_TRUE(BackUpState(State(), Backup()).ok());
  const std::string secret = ServerSecrets::Take(SecretFileOf(State())).value().current();
  EXPECT_EQ(ServerSecrets::Take(SecretFileOf(Backup())).value().current(), secret);
  struct stat status {};
  ASSERT_EQ(stat(SecretFileOf(Backup()).c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0077, 0u);
}

}  // namespace
}  // namespace alignflow
