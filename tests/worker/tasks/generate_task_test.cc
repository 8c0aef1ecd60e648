#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <opencv2/core.hpp>

#include "tests/worker/tasks/task_fixture.h"

namespace alignflow {
namespace {

class GenerateTaskTest : public TaskFixture {
 protected:
  GenerateTaskTest()
      : source_(PutPhantoms(PhantomDomain::kSource, 3, true)),
        model_(Run(Spec("fit", {{"source", source_}}, {{"fit.iterations", "1"}}))["model"]) {}

  std::vector<std::string> Lines(int64_t first, int64_t last, SettingMap given = {}) {
    given["first_pair"] = std::to_string(first);
    given["last_pair"] = std::to_string(last);
    given.insert({"generate.steps", "1"});
    return LinesOf(Run(Spec("generate", {{"source", source_}, {"model", model_}}, given))["pairs"]);
  }

  std::string source_;
  std::string model_;
};

TEST_F(GenerateTaskTest, APairIsTheSameWhicheverShardMakesIt) {
  ExpectSameWhicheverShard([&](int64_t first, int64_t last) { return Lines(first, last); });
}

TEST_F(GenerateTaskTest, ARecordTellsWhereAPairComesFrom) {
  const auto line = nlohmann::json::parse(Lines(2, 2, {{"generate.guidance", "2.5"}}).at(0));
  const auto& record = line.at("record");
  EXPECT_EQ(line.at("pair"), 2);
  EXPECT_EQ(record.at("pair"), 2);
  EXPECT_EQ(record.at("seed"), 5);
  EXPECT_EQ(record.at("model"), model_);
  EXPECT_EQ(record.at("steps"), 1);
  EXPECT_EQ(record.at("guidance"), 2.5);
  EXPECT_EQ(record.at("preset"), "unet-64");
  EXPECT_EQ(record.at("synthetic"), "restyled");
  EXPECT_EQ(record.at("start"), "source image");
  EXPECT_EQ(record.at("strength"), 0.3);
  EXPECT_TRUE(record.at("mask").get<std::string>().starts_with("item-10"));
}

TEST_F(GenerateTaskTest, AGeneratedPairDoesNotDependOnTheOriginsPictureARestyledOneDoes) {
  const auto made = [&](const char* mix) {
    return nlohmann::json::parse(
        Lines(1, 1, {{"generate.mix", mix}, {"generate.steps", "5"}}).at(0));
  };
  DatasetManifest dark = *ParseManifest(blobs_->Read(source_));
  const auto generated = made("generated:1"), restyled = made("restyled:1");
  EXPECT_EQ(generated.at("record").at("synthetic"), "generated");
  for (const char* key : {"strength", "detail", "start"}) {
    EXPECT_FALSE(generated.at("record").contains(key)) << key;
  }
  for (DatasetItem& item : dark.items) {
    item.image = blobs_->Put(*EncodePng(cv::Mat(64, 64, CV_8UC3, cv::Scalar(0, 0, 0))));
  }
  source_ = blobs_->Put(*WriteManifest(dark));
  EXPECT_EQ(made("generated:1").at("image"), generated.at("image"));
  EXPECT_NE(made("restyled:1").at("image"), restyled.at("image"));
}

TEST_F(GenerateTaskTest, DetailGivesBackWhatTheModelSmoothsAwayOfTheOrigin) {
  const auto distance = [&](const char* detail) {
    const auto line = nlohmann::json::parse(
        Lines(
            1, 1,
            {{"restyle.detail", detail}, {"restyle.strength", "0.1"}, {"align.start_index", "19"}})
            .at(0));
    EXPECT_EQ(line.at("record").at("detail").dump(), std::string(detail) + ".0");
    const std::string name = line.at("record").at("mask");
    const DatasetManifest manifest = *ParseManifest(blobs_->Read(source_));
    for (const DatasetItem& item : manifest.items) {
      if (item.name != name) continue;
      return cv::norm(*DecodeImage(blobs_->Read(line.at("image")), "made"),
                      *DecodeImage(blobs_->Read(item.image), "real"), cv::NORM_L1);
    }
    ADD_FAILURE() << "no item " << name;
    return 0.0;
  };
  // A model of one training step draws next to nothing itself.
  EXPECT_LT(distance("1"), 0.3 * distance("0"));
}

TEST_F(GenerateTaskTest, ARecordTellsTheTolerancesOfASolverThatHasThem) {
  const auto line = nlohmann::json::parse(Lines(1, 1,
                                                {{"generate.solver", "dopri5"},
                                                 {"generate.mix", "generated:1"},
                                                 {"generate.rtol", "0.02"}})
                                              .at(0));
  EXPECT_EQ(line.at("record").at("solver"), "dopri5");
  EXPECT_EQ(line.at("record").at("rtol"), 0.02);
  EXPECT_EQ(line.at("record").at("atol"), 0.001);
  const auto euler = nlohmann::json::parse(Lines(1, 1).at(0));
  EXPECT_FALSE(euler.at("record").contains("rtol"));
}

TEST_F(GenerateTaskTest, AnAdaptiveSolversPairIsTheSameWhicheverShardMakesIt) {
  ExpectSameWhicheverShard([&](int64_t first, int64_t last) {
    return Lines(
        first, last,
        {{"generate.solver", "dopri5"}, {"generate.rtol", "0.1"}, {"generate.atol", "0.1"}});
  });
}

TEST_F(GenerateTaskTest, TheMaskIsTheNamedItemsOwn) {
  const auto line = nlohmann::json::parse(Lines(1, 1).at(0));
  const std::string name = line.at("record").at("mask");
  const auto manifest = *ParseManifest(blobs_->Read(source_));
  for (const DatasetItem& item : manifest.items) {
    const cv::Mat mask = *DecodeMask(blobs_->Read(line.at("mask")), "made");
    const cv::Mat real = *DecodeMask(blobs_->Read(item.mask), "real");
    EXPECT_EQ(cv::norm(mask, real, cv::NORM_INF) == 0, item.name == name);
  }
}

TEST_F(GenerateTaskTest, AModelOfOtherClassesIsRefused) {
  DatasetManifest other = *ParseManifest(blobs_->Read(source_));
  other.labels = *LabelTable::Parse("adenoma=255");
  const auto context = NewContext();
  const auto outputs =
      RunTask(Spec("generate", {{"source", blobs_->Put(*WriteManifest(other))}, {"model", model_}},
                   {{"first_pair", "1"}, {"last_pair", "1"}}),
              *context);
  EXPECT_EQ(outputs.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(outputs.status().message().find("adenoma"), absl::string_view::npos);
}

}  // namespace
}  // namespace alignflow
