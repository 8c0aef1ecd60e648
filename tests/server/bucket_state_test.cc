// A coordinator whose blobs are in a bucket, and the commands that work on its state.
#include <filesystem>
#include <fstream>
#include <map>
#include <set>

#include "server/blob_migration.h"
#include "server/blobs/folder_blobs.h"
#include "server/state_backup.h"
#include "tests/server/coordinator_fixture.h"
#include "tests/server/objects/fake_object_store.h"

namespace alignflow {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class BucketStateTest : public CoordinatorTest {
 protected:
  void SetUp() override {}
  void StartInBucket() {
    options_.bucket = bucket_.Options();
    Start();
  }
  std::filesystem::path State() const { return folder_.path() / "state"; }
  std::string DoneJob() {
    const std::string name = CreateJob(JobRequest(2)).value().name();
    Work(Register());
    return name;
  }
  size_t CountPairs(const std::string& name) {
    absl::Status status;
    const size_t pairs = PairsOf(name, 0, &status).size();
    EXPECT_EQ(status, absl::OkStatus());
    return pairs;
  }
  // Blobs by their names.
  std::set<std::string> InBucket() const {
    std::set<std::string> blobs;
    for (const auto& [name, bytes] : bucket_.objects()) {
      const std::string key = name.substr(name.rfind('/') + 1);
      if (IsSha256Hex(key)) blobs.insert(key);
    }
    return blobs;
  }

  FakeObjectStore bucket_;
};

TEST_F(BucketStateTest, AJobRunsAndItsResultsAreInTheBucketAlone) {
  StartInBucket();
  const std::string name = DoneJob();
  EXPECT_EQ(GetJob(name).state(), v1::JOB_STATE_SUCCEEDED);
  EXPECT_GT(CountPairs(name), 0);
  EXPECT_FALSE(InBucket().empty());
  EXPECT_FALSE(FolderBlobs::HasAny(State() / "blobs"));
  const size_t pairs = CountPairs(name);
  Restart();
  EXPECT_EQ(CountPairs(name), pairs);
}

TEST_F(BucketStateTest, CheckReadsEveryByteOfTheBucket) {
  StartInBucket();
  DoneJob();
  const std::set<std::string> blobs = InBucket();
  EXPECT_FALSE(CheckState(State(), options_.bucket)->any());
  const std::string lost = *blobs.begin(), damaged = *blobs.rbegin();
  bucket_.Erase("blobs/" + lost);
  bucket_.Set("blobs/" + damaged, "other bytes");
  const StateProblems problems = CheckState(State(), options_.bucket).value();
  EXPECT_THAT(problems.lost, ElementsAre(lost));
  EXPECT_THAT(problems.damaged, ElementsAre(damaged));
}

TEST_F(BucketStateTest, CommandsThatAreNotToldOfTheBucketSayIt) {
  StartInBucket();
  for (const absl::Status& status :
       {CheckState(State()).status(), BackUpState(State(), folder_.path() / "copy").status()}) {
    EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr("--blobs s3://bucket/blobs/"));
  }
}

TEST_F(BucketStateTest, ABackupHasItsBlobsInItselfAndCanBeGoneOnWith) {
  StartInBucket();
  const std::string name = DoneJob();
  const size_t pairs = CountPairs(name);
  const CopiedState copied = BackUpState(State(), folder_.path() / "copy", options_.bucket).value();
  EXPECT_GT(copied.copied, 0);
  EXPECT_EQ(copied.missing, 0);
  coordinator_.reset();
  std::filesystem::remove_all(State());
  ASSERT_TRUE(RestoreState(folder_.path() / "copy", State()).ok());
  options_.bucket = BucketOptions();
  Start();
  EXPECT_EQ(CountPairs(name), pairs);
}

TEST_F(BucketStateTest, AMigratedStateGoesOnInTheBucket) {
  Start();
  const std::string name = DoneJob();
  const size_t pairs = CountPairs(name);
  coordinator_.reset();
  options_.bucket = bucket_.Options();
  EXPECT_TRUE(absl::IsFailedPrecondition(Coordinator::Start(options_).status()))
      << "not before it is migrated";
  const MigratedBlobs migrated =
      MigrateBlobs(State(), options_.bucket, [](int64_t, int64_t) {}).value();
  EXPECT_EQ(migrated.copied, migrated.blobs);
  EXPECT_TRUE(migrated.damaged.empty());
  EXPECT_FALSE(FolderBlobs::HasAny(State() / "blobs"));
  EXPECT_FALSE(CheckState(State(), options_.bucket)->any());
  Start();
  EXPECT_EQ(CountPairs(name), pairs);
}

TEST_F(BucketStateTest, AMigrationThatIsInterruptedGoesOnWhereItStopped) {
  Start();
  DoneJob();
  coordinator_.reset();
  const BucketOptions options = bucket_.Options();
  bucket_.Break(
      {.method = "PUT", .status = 403, .code = "AccessDenied", .times = 1'000'000, .after = 5});
  EXPECT_TRUE(
      absl::IsFailedPrecondition(MigrateBlobs(State(), options, [](int64_t, int64_t) {}).status()));
  EXPECT_TRUE(FolderBlobs::HasAny(State() / "blobs")) << "nothing is removed before the end";
  const size_t before = InBucket().size();
  EXPECT_GT(before, 0);
  bucket_.Mend();
  const MigratedBlobs rest = MigrateBlobs(State(), options, [](int64_t, int64_t) {}).value();
  EXPECT_EQ(rest.copied, rest.blobs - static_cast<int64_t>(before));
  EXPECT_FALSE(CheckState(State(), options)->any());
  EXPECT_TRUE(MigrateBlobs(State(), options, [](int64_t, int64_t) {}).ok()) << "once more";
}

TEST_F(BucketStateTest, AMigrationLeavesOutWhatWasDamagedAndSaysSo) {
  Start();
  DoneJob();
  coordinator_.reset();
  std::string damaged;
  FolderBlobs::Open(State() / "blobs")
      .value()
      ->VisitBlobs([&](const std::string& sha256, int64_t, bool) {
        damaged = sha256;
        return false;
      });
  const std::filesystem::path file = State() / "blobs" / damaged.substr(0, 2) / damaged.substr(2);
  std::filesystem::permissions(file, std::filesystem::perms::owner_all);
  std::ofstream(file) << "other bytes";
  const MigratedBlobs migrated =
      MigrateBlobs(State(), bucket_.Options(), [](int64_t, int64_t) {}).value();
  EXPECT_THAT(migrated.damaged, ElementsAre(damaged));
  EXPECT_FALSE(InBucket().contains(damaged));
}

TEST_F(BucketStateTest, AStoreThatCanNotBeUsedEndsTheStartWithTheReason) {
  bucket_.Break({.method = "", .status = 403, .code = "AccessDenied", .times = 1'000'000});
  options_.state_dir = State();
  options_.bucket = bucket_.Options();
  const absl::Status status = Coordinator::Start(options_).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("s3:ListBucket"));
}

}  // namespace
}  // namespace alignflow
