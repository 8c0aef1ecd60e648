#include <gtest/gtest.h>

#include "client/pair_folder.h"
#include "tests/client/fake_coordinator.h"

namespace alignflow {
namespace {

class PairPullTest : public testing::Test {
 protected:
  PairPullTest() {
    jobs_.job.mutable_spec()->set_pairs(3);
    jobs_.job.set_pairs_ready(3);
    for (int i = 1; i <= 3; ++i) {
      v1::Pair& pair = jobs_.pairs.emplace_back();
      pair.set_index(i);
      SetFile("image " + std::to_string(i), *pair.mutable_image(), *pair.mutable_image_data());
      SetFile("mask " + std::to_string(i), *pair.mutable_mask(), *pair.mutable_mask_data());
      pair.set_record_json("{\"seed\":" + std::to_string(i) + "}");
    }
  }

  static void SetFile(const std::string& bytes, v1::Digest& digest, std::string& data) {
    digest.set_sha256(Sha256OfString(bytes));
    data = bytes;
  }

  FakeCoordinator::Outcome Pull() {
    return coordinator_.Run({"pairs", "pull", "j1", dir_, "--json"});
  }

  void ExpectAllThree() {
    for (int i = 1; i <= 3; ++i) {
      const std::string name = "00000" + std::to_string(i) + ".png";
      EXPECT_EQ(ReadFile(dir_ / "images" / name), "image " + std::to_string(i));
      EXPECT_EQ(ReadFile(dir_ / "masks" / name), "mask " + std::to_string(i));
    }
    std::istringstream lines(ReadFile(dir_ / "manifest.jsonl"));
    int count = 0;
    for (std::string line; std::getline(lines, line);) {
      EXPECT_EQ(Json::parse(line)["pair"], ++count);
      EXPECT_EQ(Json::parse(line)["record"]["seed"], count);
    }
    EXPECT_EQ(count, 3);
    EXPECT_EQ(CountFiles(dir_ / "images"), 3);
    EXPECT_EQ(CountFiles(dir_ / "masks"), 3);
  }

  FakeCoordinator coordinator_;
  FakeJobs& jobs_ = coordinator_.jobs;
  TempFolder folder_;
  const std::filesystem::path dir_ = folder_.path() / "pairs";
};

TEST_F(PairPullTest, WritesEveryPairOnceAndASecondPullFetchesNothing) {
  const auto first = Pull();
  ASSERT_EQ(first.exit, 0) << first.err;
  EXPECT_EQ(first.json()["pulled"], 3);
  ExpectAllThree();
  const auto second = Pull();
  EXPECT_EQ(second.json()["pulled"], 0);
  EXPECT_EQ(second.json()["pairs"], 3);
  ExpectAllThree();
  EXPECT_EQ(jobs_.streamed_after.size(), 1u);
}

TEST_F(PairPullTest, GoesOnWhereAStreamBroke) {
  jobs_.breaks = 2;
  ASSERT_EQ(Pull().exit, 0);
  EXPECT_EQ(jobs_.streamed_after, (std::vector<int>{0, 1, 2}));
  ExpectAllThree();
}

TEST_F(PairPullTest, LargeFilesComeThroughBlobs) {
  jobs_.pairs[1].clear_image_data();
  coordinator_.blobs.Put("image 2");
  ASSERT_EQ(Pull().exit, 0);
  ExpectAllThree();
}

TEST_F(PairPullTest, BytesThatDoNotMatchTheirDigestAreRefused) {
  jobs_.pairs[1].set_mask_data("another mask");
  EXPECT_EQ(Pull().json()["error"]["code"], "DATA_LOSS");
  EXPECT_EQ(CountFiles(dir_ / "masks"), 1);
}

TEST_F(PairPullTest, TornLastLineIsPulledAgain) {
  ASSERT_EQ(Pull().exit, 0);
  const std::string manifest = ReadFile(dir_ / "manifest.jsonl");
  for (const size_t cut : {1, 2, 40}) {
    WriteFile(dir_ / "manifest.jsonl", manifest.substr(0, manifest.size() - cut));
    EXPECT_EQ(Pull().json()["pulled"], 1);
    EXPECT_EQ(ReadFile(dir_ / "manifest.jsonl"), manifest);
  }
}

TEST_F(PairPullTest, ChangedAndMissingFilesAreFetchedAgain) {
  ASSERT_EQ(Pull().exit, 0);
  const std::string manifest = ReadFile(dir_ / "manifest.jsonl");
  WriteFile(dir_ / "images" / "000001.png", "image");
  std::filesystem::remove(dir_ / "masks" / "000003.png");
  const auto outcome = Pull();
  EXPECT_EQ(outcome.json()["repaired"], 2) << outcome.err;
  EXPECT_EQ(ReadFile(dir_ / "manifest.jsonl"), manifest);
  ExpectAllThree();
}

TEST_F(PairPullTest, WhatAKilledPullLeftIsRemoved) {
  ASSERT_EQ(Pull().exit, 0);
  WriteFile(dir_ / "images" / "000002.png.17.3.part", "half");
  WriteFile(dir_ / "figures.json.17.4.part", "half");
  ASSERT_EQ(Pull().exit, 0);
  ExpectAllThree();
  EXPECT_FALSE(std::filesystem::exists(dir_ / "figures.json.17.4.part"));
}

TEST_F(PairPullTest, ManifestThatIsNoRegularFileIsLeftAlone) {
  std::filesystem::create_directories(dir_);
  std::filesystem::create_symlink("/dev/null", dir_ / "manifest.jsonl");
  const auto outcome = Pull();
  EXPECT_EQ(outcome.exit, kExitFailure);
  EXPECT_NE(outcome.err.find("no regular file"), std::string::npos) << outcome.err;
}

TEST_F(PairPullTest, AnotherJobsFolderIsLeftAlone) {
  ASSERT_EQ(Pull().exit, 0);
  std::string manifest = ReadFile(dir_ / "manifest.jsonl");
  for (size_t at; (at = manifest.find("jobs/j1")) != std::string::npos;) {
    manifest.replace(at, 7, "jobs/j0");
  }
  WriteFile(dir_ / "manifest.jsonl", manifest);
  const auto outcome = Pull();
  EXPECT_EQ(outcome.json()["error"]["code"], "FAILED_PRECONDITION");
  EXPECT_NE(outcome.err.find("job j0"), std::string::npos);
  EXPECT_EQ(ReadFile(dir_ / "manifest.jsonl"), manifest);
}

TEST_F(PairPullTest, FolderWithFilesOfSomethingElseIsLeftAlone) {
  std::filesystem::create_directories(dir_ / "images");
  WriteFile(dir_ / "images" / "000001.png", "mine");
  EXPECT_EQ(Pull().json()["error"]["code"], "FAILED_PRECONDITION");
  EXPECT_EQ(ReadFile(dir_ / "images" / "000001.png"), "mine");
}

TEST_F(PairPullTest, DamagedManifestIsNamedWithItsLine) {
  ASSERT_EQ(Pull().exit, 0);
  const std::string manifest = ReadFile(dir_ / "manifest.jsonl");
  const size_t second = manifest.find('\n') + 1;
  for (const std::string& damaged : {"{}\n" + manifest.substr(second), "nonsense\n" + manifest}) {
    WriteFile(dir_ / "manifest.jsonl", damaged);
    const auto outcome = Pull();
    EXPECT_EQ(outcome.json()["error"]["code"], "DATA_LOSS");
    EXPECT_NE(outcome.err.find("line 1"), std::string::npos);
  }
}

TEST_F(PairPullTest, AManifestThatLostALineIsNoCompleteFolder) {
  ASSERT_EQ(Pull().exit, 0);
  const std::string manifest = ReadFile(dir_ / "manifest.jsonl");
  WriteFile(dir_ / "manifest.jsonl", manifest.substr(manifest.find('\n') + 1));
  const auto outcome = Pull();
  EXPECT_EQ(outcome.json()["error"]["code"], "DATA_LOSS");
  EXPECT_NE(outcome.err.find("2 of 3"), std::string::npos);
}

TEST_F(PairPullTest, TwoPullsIntoOneFolderAreRefused) {
  const auto other = PairFolder::Open(dir_, FakeJobs::kName);
  ASSERT_TRUE(other.ok()) << other.status();
  const auto outcome = Pull();
  EXPECT_EQ(outcome.json()["error"]["code"], "FAILED_PRECONDITION");
  EXPECT_NE(outcome.err.find("another afctl"), std::string::npos);
}

TEST_F(PairPullTest, FailedJobEndsThePullAndKeepsWhatWasMade) {
  jobs_.pairs.pop_back();
  jobs_.job.set_pairs_ready(2);
  jobs_.end_of_pairs = {grpc::StatusCode::FAILED_PRECONDITION, "the job has failed"};
  const auto outcome = Pull();
  EXPECT_EQ(outcome.exit, kExitJob);
  EXPECT_NE(outcome.err.find("2 of 3 pairs were pulled"), std::string::npos) << outcome.err;
  EXPECT_EQ(CountFiles(dir_ / "images"), 2);
}

TEST_F(PairPullTest, ServerThatSkipsAPairIsNotBelieved) {
  jobs_.pairs.erase(jobs_.pairs.begin() + 1);
  EXPECT_EQ(Pull().json()["error"]["code"], "DATA_LOSS");
  EXPECT_EQ(Pull().json()["error"]["code"], "DATA_LOSS") << "nor later";
}

TEST_F(PairPullTest, ServerThatSendsAPairTwiceIsNotBelieved) {
  jobs_.pairs.insert(jobs_.pairs.begin() + 1, jobs_.pairs[0]);
  EXPECT_EQ(Pull().json()["error"]["code"], "DATA_LOSS");
  EXPECT_EQ(CountFiles(dir_ / "images"), 1);
}

TEST_F(PairPullTest, PairsThatTheGatesLeftOutAreNoGap) {
  for (const int left_out : {1, 2, 3}) {
    const auto pairs = jobs_.pairs;
    jobs_.pairs.erase(jobs_.pairs.begin() + (left_out - 1));
    jobs_.job.set_pairs_ready(2);
    jobs_.job.set_pairs_left_out(1);
    const std::string dir = folder_.path() / std::to_string(left_out);
    const auto outcome = coordinator_.Run({"pairs", "pull", "j1", dir, "--json"});
    ASSERT_EQ(outcome.exit, 0) << outcome.err;
    EXPECT_EQ(outcome.json()["pairs"], 2);
    EXPECT_EQ(outcome.json()["left_out"], 1);
    const std::string manifest = ReadFile(std::filesystem::path(dir) / "manifest.jsonl");
    EXPECT_EQ(manifest.find("\"pair\":" + std::to_string(left_out)), std::string::npos);
    const auto second = coordinator_.Run({"pairs", "pull", "j1", dir});
    EXPECT_EQ(second.exit, 0);
    EXPECT_NE(second.out.find("1 left out by the gates"), std::string::npos);
    EXPECT_EQ(ReadFile(std::filesystem::path(dir) / "manifest.jsonl"), manifest);
    jobs_.pairs = pairs;
  }
}

TEST_F(PairPullTest, ALostPairIsRepairedBesideAGap) {
  jobs_.pairs.erase(jobs_.pairs.begin());
  jobs_.job.set_pairs_ready(2);
  jobs_.job.set_pairs_left_out(1);
  ASSERT_EQ(Pull().exit, 0);
  std::filesystem::remove(dir_ / "images" / "000002.png");
  EXPECT_EQ(Pull().json()["repaired"], 1);
  EXPECT_EQ(ReadFile(dir_ / "images" / "000002.png"), "image 2");
}

TEST_F(PairPullTest, ADamagedReportLeavesThePairsWhole) {
  jobs_.report_is_damaged = true;
  const auto outcome = Pull();
  EXPECT_EQ(outcome.exit, 0) << outcome.err;
  EXPECT_EQ(outcome.json()["report"], false);
  EXPECT_NE(outcome.err.find("the figures are not saved: blob 12 is damaged"), std::string::npos);
  EXPECT_FALSE(std::filesystem::exists(dir_ / "figures.json"));
}

TEST_F(PairPullTest, ReportIsSavedOnceItIsThere) {
  EXPECT_EQ(Pull().json()["report"], false);
  EXPECT_FALSE(std::filesystem::exists(dir_ / "figures.json"));
  jobs_.report.set_job(FakeJobs::kName);
  jobs_.report.add_figures()->set_name("mmd");
  jobs_.report.mutable_figures(0)->set_value(0.5);
  jobs_.report.add_figures()->set_name("fid");
  v1::Artifact* sheet = jobs_.report.add_artifacts();
  sheet->set_name("contact-sheet.png");
  sheet->mutable_blob()->set_sha256(coordinator_.blobs.Put("sheet"));
  EXPECT_EQ(Pull().json()["report"], true);
  EXPECT_EQ(ReadFile(dir_ / "contact-sheet.png"), "sheet");
  EXPECT_EQ(Json::parse(ReadFile(dir_ / "figures.json"))[0]["name"], "mmd");
  EXPECT_EQ(Json::parse(ReadFile(dir_ / "figures.json"))[0]["value"], 0.5);
  EXPECT_TRUE(Json::parse(ReadFile(dir_ / "figures.json"))[1].at("value").is_null());
}

}  // namespace
}  // namespace alignflow
