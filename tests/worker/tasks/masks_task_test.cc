#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <opencv2/core.hpp>
#include <set>
#include <sstream>

#include "tests/worker/tasks/task_fixture.h"
#include "worker/tasks/mask_list.h"

namespace alignflow {
namespace {

class MasksTaskTest : public TaskFixture {
 protected:
  MasksTaskTest()
      : source_(PutPhantoms(PhantomDomain::kSource, 8, true)),
        model_(Fit({{"masks.iterations", "6"}, {"masks.batch", "4"}})["model"]) {}

  TaskOutputs Fit(const SettingMap& given) {
    return Run(Spec("fit-masks", {{"source", source_}}, given));
  }
  std::string Masks(int64_t first, int64_t last) {
    return Run(Spec("masks", {{"source", source_}, {"model", model_}},
                    {{"first_pair", std::to_string(first)},
                     {"last_pair", std::to_string(last)},
                     {"masks.candidates", "1"}}))["masks"];
  }
  std::vector<std::string> Lines(int64_t first, int64_t last) {
    std::istringstream stream(blobs_->Read(Masks(first, last)));
    std::vector<std::string> lines;
    for (std::string line; std::getline(stream, line);) lines.push_back(line);
    return lines;
  }

  std::string source_, model_;
};

TEST_F(MasksTaskTest, AMaskIsTheSameWhicheverShardMakesIt) {
  const std::vector<std::string> whole = Lines(1, 18);
  ASSERT_EQ(whole.size(), 18u);
  std::vector<std::string> shards = Lines(1, 3);
  for (const auto& [first, last] : {std::pair{4, 17}, {18, 18}}) {
    const std::vector<std::string> shard = Lines(first, last);
    shards.insert(shards.end(), shard.begin(), shard.end());
  }
  EXPECT_EQ(shards, whole);
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

TEST_F(MasksTaskTest, AFitGoesOnAfterACancelToTheSameBytes) {
  const SettingMap given{{"masks.iterations", "4"}, {"masks.batch", "2"}};
  const TaskOutputs whole = Fit(given);
  const TaskSpec spec = Spec("fit-masks", {{"source", source_}}, given);
  const auto context = NewContext();
  context->cancel_at = 2;
  EXPECT_EQ(RunTask(spec, *context).status().code(), absl::StatusCode::kCancelled);
  const auto next = NewContext();
  next->checkpoint = context->checkpoint;
  ASSERT_TRUE(next->checkpoint);
  const auto resumed = RunTask(spec, *next);
  ASSERT_TRUE(resumed.ok()) << resumed.status();
  EXPECT_EQ(*resumed, whole);
  EXPECT_EQ(nlohmann::json::parse(blobs_->Read(whole.at("curve.json"))).at("name"), "fit-masks");
}

TEST_F(MasksTaskTest, AModelOfImagesIsRefused) {
  const std::string image_model =
      Run(Spec("fit", {{"source", source_}}, {{"fit.iterations", "1"}}))["model"];
  const auto context = NewContext();
  const auto outputs = RunTask(Spec("masks", {{"source", source_}, {"model", image_model}},
                                    {{"first_pair", "1"}, {"last_pair", "1"}}),
                               *context);
  EXPECT_EQ(outputs.status().code(), absl::StatusCode::kInvalidArgument) << outputs.status();
}

}  // namespace
}  // namespace alignflow
