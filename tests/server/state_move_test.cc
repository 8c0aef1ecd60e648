#include "server/state_move.h"

#include "server/catalog/postgres_engine.h"
#include "server/catalog/soci.h"
#include "server/state_backup.h"
#include "tests/server/coordinator_fixture.h"

namespace alignflow {
namespace {

using testing::HasSubstr;

// A state folder with its catalog in a file, and a database.
class StateMoveTest : public CoordinatorTest {
 protected:
  void SetUp() override {
    if (!TestServer::Installed()) GTEST_SKIP() << "no PostgreSQL is installed";
    name_ = TestServer::Get().Create();
    database_ = std::nullopt;
    Start();
  }
  void TearDown() override {
    Stop();
    if (!name_.empty()) TestServer::Get().Drop(name_);
  }
  PostgresAddress Database() const { return TestServer::Get().AddressOf(name_); }
  std::filesystem::path State() const { return folder_.path() / "state"; }

  std::string name_;
};

TEST_F(StateMoveTest, WhatWasDoneIsThereAndWhatRunsGoesOn) {
  const std::string done = CreateJob(JobRequest(2)).value().name();
  Work(Register());
  v1::CreateJobRequest request = JobRequest(40);
  Set(request, "seed", "8");
  const std::string running = CreateJob(request).value().name();
  const std::string worker = Register();
  Work(worker, 2);
  ASSERT_TRUE(Lease(worker).value().has_task());
  const v1::Job before = GetJob(running);
  Stop();

  const auto rows = MoveCatalog(State(), Database());
  ASSERT_TRUE(rows.ok()) << rows.status();
  EXPECT_EQ(rows->at("jobs"), 2);
  EXPECT_GT(rows->at("pairs"), 0);
  const absl::Status without = Coordinator::Start(options_).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(without)) << without;
  EXPECT_THAT(std::string(without.message()), HasSubstr("--catalog"));
  const StateProblems problems = CheckState(State()).value();
  EXPECT_GT(problems.blobs, 0);
  EXPECT_FALSE(problems.any());

  database_ = Database();
  Start();
  absl::Status status;
  EXPECT_EQ(PairsOf(done, 0, &status).size(), 2u);
  EXPECT_EQ(status, absl::OkStatus());
  EXPECT_EQ(GetJob(running).stages_size(), before.stages_size());
  coordinator_->Maintain(absl::Now() + absl::Hours(2));  // its worker has not come back
  Work(Register());
  EXPECT_EQ(GetJob(running).state(), v1::JOB_STATE_SUCCEEDED);
  EXPECT_EQ(PairsOf(running, 0, &status).size(), 40u);
}

TEST_F(StateMoveTest, ADatabaseThatIsUsedAndAFolderAtWorkAreRefused) {
  EXPECT_TRUE(absl::IsFailedPrecondition(MoveCatalog(State(), Database()).status()))
      << "the coordinator is at work";
  Stop();
  ASSERT_EQ(ChangePostgresCatalog(Database(),
                                  [](WritingSql& sql) {
                                    static_cast<Sql&>(sql) << "INSERT INTO left_tasks VALUES ('x')";
                                    static_cast<Sql&>(sql)
                                        << "UPDATE catalog_owner SET id = 'other'";
                                    return absl::OkStatus();
                                  }),
            absl::OkStatus());
  const absl::Status used = MoveCatalog(State(), Database()).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(used)) << used;
  EXPECT_THAT(std::string(used.message()), HasSubstr("empty database"));
  Start();  // nothing has happened to the folder
}

TEST_F(StateMoveTest, AMoveThatWasKilledAtItsEndIsEnded) {
  const std::string name = CreateJob(JobRequest(2)).value().name();
  Stop();
  std::filesystem::copy_file(State() / "catalog.sqlite", folder_.path() / "kept");
  ASSERT_TRUE(MoveCatalog(State(), Database()).ok());
  std::filesystem::rename(folder_.path() / "kept", State() / "catalog.sqlite");
  const auto again = MoveCatalog(State(), Database());
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_TRUE(again->empty());
  EXPECT_FALSE(std::filesystem::exists(State() / "catalog.sqlite"));
  database_ = Database();
  Start();
  EXPECT_EQ(GetJob(name).pairs_ready(), 0);
}

TEST_F(StateMoveTest, ABackUpSaysWhichProgramMakesOne) {
  Stop();
  ASSERT_TRUE(MoveCatalog(State(), Database()).ok());
  const absl::Status status = BackUpState(State(), folder_.path() / "copy").status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("pg_dump"));
}

}  // namespace
}  // namespace alignflow
