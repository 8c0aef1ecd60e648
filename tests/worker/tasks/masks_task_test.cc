#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <opencv2/core.hpp>
#include <set>

#include "tests/worker/tasks/task_fixture.h"
#include "worker/pairs/mask_list.h"

namespace alignflow {
namespace {

class MasksTaskTest : public TaskFixture {
 protected:
  MasksTaskTest()
      : source_(PutPhantoms(PhantomDomain::kSource, 8, true)),
        fitted_(Fit({{"masks.iterations", "6"}, {"masks.batch", "4"}})) {}

  TaskOutputs Fit(const SettingMap& given) {
    return Run(Spec("fit-masks", {{"source", source_}}, given));
  }
  std::string Masks(int64_t first, int64_t last) {
    return Run(
        Spec("masks",
             {{"source", source_}, {"model", fitted_.at("model")}, {"rules", fitted_.at("rules")}},
             {{"first_pair", std::to_string(first)},
              {"last_pair", std::to_string(last)},
              {"masks.candidates", "1"}}))["masks"];
  }
  std::vector<std::string> Lines(int64_t first, int64_t last) {
    return LinesOf(Masks(first, last));
  }

  std::string source_;
  TaskOutputs fitted_;
};

TEST_F(MasksTaskTest, AMaskIsTheSameWhicheverShardMakesIt) {
  ExpectSameWhicheverShard([&](int64_t first, int64_t last) { return Lines(first, last); });
}

TEST_F(MasksTaskTest, MasksHaveTheSourcesClassesAndAreNoneOfItsMasks) {
  const DatasetManifest manifest = *ParseManifest(blobs_->Read(source_));
  const auto context = NewContext();
  const MaskList list = LoadMasks(*context, Masks(1, 8), manifest.labels);
  std::set<std::string> origins;
  for (int64_t pair = 1; pair <= 8; ++pair) {
    const GeneratedMask* mask = list.Find(pair);
    ASSERT_NE(mask, nullptr);
    EXPECT_GT(mask->classes.sum().item<int64_t>(), 0) << "phantoms have a polyp each";
    origins.insert(mask->origin);
    for (const DatasetItem& item : manifest.items) {
      const cv::Mat real = *DecodeMask(blobs_->Read(item.mask), "real");
      const at::Tensor classes = at::from_blob(real.data, {64, 64}, at::kByte).ne(0).to(at::kByte);
      EXPECT_FALSE(at::equal(classes, mask->classes));
    }
  }
  EXPECT_EQ(origins.size(), 8u) << "every real mask is an origin once";
}

TEST_F(MasksTaskTest, TheOriginIsThatOfThePairsOwnImage) {
  const std::string image_model =
      Run(Spec("fit", {{"source", source_}}, {{"fit.iterations", "1"}}))["model"];
  const auto pair = nlohmann::json::parse(blobs_->Read(
      Run(Spec("generate", {{"source", source_}, {"model", image_model}},
               {{"first_pair", "5"}, {"last_pair", "5"}, {"gates.enabled", "off"}}))["pairs"]));
  EXPECT_EQ(nlohmann::json::parse(Lines(5, 5).at(0)).at("origin"), pair.at("record").at("mask"));
}

TEST_F(MasksTaskTest, AFitTellsItsCurve) {
  const TaskOutputs outputs = Fit({{"masks.iterations", "4"}, {"masks.batch", "2"}});
  EXPECT_EQ(nlohmann::json::parse(blobs_->Read(outputs.at("curve.json"))).at("name"), "fit-masks");
}

TEST_F(MasksTaskTest, RulesOfOtherMasksAreRefused) {
  fitted_["rules"] = blobs_->Put(R"({"side":32,"order":[1],"classes":[]})");
  const auto context = NewContext();
  const auto outputs = RunTask(
      Spec("masks",
           {{"source", source_}, {"model", fitted_.at("model")}, {"rules", fitted_.at("rules")}},
           {{"first_pair", "1"}, {"last_pair", "1"}}),
      *context);
  EXPECT_EQ(outputs.status().code(), absl::StatusCode::kInvalidArgument) << outputs.status();
}

TEST_F(MasksTaskTest, AModelOfImagesIsRefused) {
  const std::string image_model =
      Run(Spec("fit", {{"source", source_}}, {{"fit.iterations", "1"}}))["model"];
  const auto context = NewContext();
  const auto outputs = RunTask(
      Spec("masks", {{"source", source_}, {"model", image_model}, {"rules", fitted_.at("rules")}},
           {{"first_pair", "1"}, {"last_pair", "1"}}),
      *context);
  EXPECT_EQ(outputs.status().code(), absl::StatusCode::kInvalidArgument) << outputs.status();
}

}  // namespace
}  // namespace alignflow
