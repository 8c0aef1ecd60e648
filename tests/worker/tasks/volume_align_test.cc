#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

#include "tests/worker/tasks/volume_fixture.h"
#include "worker/pairs/pair_list.h"

namespace alignflow {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

class VolumeAlignTest : public VolumeFixture {
 protected:
  // A pair's own file, or that of an item.
  Volume Read(const std::string& digest) {
    const absl::StatusOr<Volume> volume = ReadVolume(blobs_->PathOf(digest));
    EXPECT_TRUE(volume.ok()) << volume.status();
    return volume.ok() ? *volume : Volume{};
  }
  // What 1, 2, ..., 99 % of the body's values in all volumes lie below, as shares of the window.
  std::vector<double> Quantiles(const std::vector<std::string>& digests) {
    std::vector<float> values;
    for (const std::string& digest : digests) {
      for (const float value : Read(digest).voxels) {
        const float share = (value - kLow) / (kHigh - kLow);
        if (share > 0.05F) values.push_back(share);
      }
    }
    std::ranges::sort(values);
    std::vector<double> quantiles;
    for (size_t i = 1; i < 100; ++i) quantiles.push_back(values.at(values.size() * i / 100));
    return quantiles;
  }
  // The mean distance of two distributions of grey values (Wasserstein's, of order 1).
  static double GreyDistance(const std::vector<double>& a, const std::vector<double>& b) {
    double sum = 0;
    for (size_t i = 0; i < a.size(); ++i) sum += std::abs(a[i] - b[i]);
    return sum / static_cast<double>(a.size());
  }
  std::vector<std::string> ImagesOf(const std::string& pairs) {
    std::vector<std::string> digests;
    for (const PairLine& pair : ParsePairLines(blobs_->Read(pairs))) digests.push_back(pair.image);
    return digests;
  }
  std::vector<std::string> ImagesOfManifest(const std::string& manifest) {
    std::vector<std::string> digests;
    const DatasetManifest read = *ParseManifest(blobs_->Read(manifest));
    for (const DatasetItem& item : read.items) digests.push_back(item.image);
    return digests;
  }
};

// fit -> rollout -> align, judge -> generate (both stages), baseline -> evaluate -> figures, as a
// job runs them.
TEST_F(VolumeAlignTest, TheTasksOfAJobMakePairsScoresAndFigures) {
  const std::string source = Packed(PutVolumes(PhantomDomain::kSource, 4, true)),
                    target = Packed(PutVolumes(PhantomDomain::kTargetA, 4, true, 3)),
                    references = PutVolumes(PhantomDomain::kTargetA, 4, false, 2);
  const std::string stage1 = Run(Spec3d("fit", {{"source", source}}))["model"];
  const std::string pool = Run(Spec3d("rollout", {{"source", source}, {"model", stage1}}))["pool"];
  const auto context = NewContext();
  const auto aligned = RunTask(
      Spec3d("align",
             {{"source", source}, {"model", stage1}, {"references", references}, {"pool", pool}}),
      *context);
  ASSERT_TRUE(aligned.ok()) << aligned.status();
  EXPECT_THAT(context->reports.back().note, HasSubstr("slices in the three planes"));
  const std::string stage2 = aligned->at("model");
  EXPECT_NE(stage1, stage2);
  const std::string judge = Run(Spec3d("judge", {{"source", source}}))["segmenter"];
  const SettingMap gates{{"gates.enabled", "on"}, {"gates.mask_agreement", "0"}};
  const std::string compared = Run(Pairs(
      Spec3d("generate", {{"source", source}, {"model", stage1}, {"judge/000000", judge}}, gates),
      1, 4))["pairs"];
  const std::map<std::string, std::string> inputs{{"source", source},
                                                  {"model", stage2},
                                                  {"stage1", stage1},
                                                  {"references", references},
                                                  {"judge/000000", judge}};
  const TaskSpec generate = Spec3d("generate", inputs, gates);
  const std::string made = Run(Pairs(generate, 1, 4))["pairs"];
  EXPECT_EQ(LinesOf(Run(Pairs(generate, 2, 3))["pairs"]).front(), LinesOf(made)[1])
      << "whichever shard";
  std::set<std::string> kinds, images;
  for (const PairLine& pair : ParsePairLines(blobs_->Read(made))) {
    ASSERT_EQ(pair.left_out, "");
    const json record = json::parse(pair.record);
    kinds.insert(record.at("synthetic"));
    EXPECT_TRUE(record.at("gates").at("passed"));
    EXPECT_EQ(Read(pair.image).grid, Read(pair.mask).grid);
    images.insert(pair.image);
  }
  EXPECT_EQ(kinds, (std::set<std::string>{"restyled", "recoloured"}));
  EXPECT_EQ(images.size(), 4u);

  std::map<std::string, std::string> figures_of{{"source", source},
                                                {"references", references},
                                                {"target", target},
                                                {"stage1/000001", compared},
                                                {"stage2/000001", made}};
  const auto run = [](TaskSpec spec) {
    spec.settings["run"] = "1";
    return spec;
  };
  const std::string baseline = Run(run(Spec3d("baseline", {{"source", source}})))["segmenter"];
  for (const auto& [role, input] :
       {std::pair("whole/real/000001", std::pair("segmenter", baseline)),
        std::pair("whole/both/000001", std::pair("pairs/000001", made))}) {
    figures_of[role] = Run(run(
        Spec3d("evaluate",
               {{"source", source}, {"target", target}, {input.first, input.second}})))["scores"];
    const json scores = json::parse(blobs_->Read(figures_of[role]));
    EXPECT_EQ(scores.at("images").size(), 4u);
    EXPECT_EQ(scores.at("images")[0].at("dice").size(), 2u) << "by class";
  }
  std::map<std::string, std::set<std::string>> subjects;
  for (const json& figure :
       json::parse(blobs_->Read(Run(Spec3d("figures", figures_of))["figures"]))) {
    const std::string name = figure.at("name");
    const bool by_voxel = name == "mask agreement" || name == "left out (percent)" ||
                          name.find("dice") != std::string::npos ||
                          name.find("iou") != std::string::npos;
    EXPECT_EQ(figure.value("note", "").find("of three slices") == std::string::npos, by_voxel)
        << name;
    if (figure.at("value").is_number()) subjects[figure.at("name")].insert(figure.at("subject"));
  }
  EXPECT_EQ(subjects["mmd to target"],
            (std::set<std::string>{"source", "references", "stage 1", "stage 2", "recoloured",
                                   "pairs", "target"}));
  EXPECT_EQ(subjects["dice of organ on target (percent)"],
            (std::set<std::string>{"real only", "real + pairs"}));
  EXPECT_TRUE(subjects["mask agreement"].contains("pairs"));
}

// A scanner's grey curve that no volume of the source has. What pairs are held against is neither
// among the references nor what stage 2 looks at.
TEST_F(VolumeAlignTest, PairsComeNearerToHeldOutVolumesOfTheReferencesLook) {
  const Curve other = [](float share) { return 0.2F + 0.5F * share * share; };
  const std::string source = Packed(PutVolumes(PhantomDomain::kSource, 6, true));
  const std::string references = PutVolumes(PhantomDomain::kSource, 6, false, 2, other);
  const std::vector<double> held_out =
      Quantiles(ImagesOfManifest(PutVolumes(PhantomDomain::kSource, 6, true, 3, other)));
  const std::string model = Run(Spec3d("fit", {{"source", source}}))["model"];
  const std::string pool =
      Run(Spec3d("rollout", {{"source", source}, {"model", model}}, {{"align.pool", "6"}}))["pool"];
  const auto distance = [&](const TaskSpec& generate) {
    return GreyDistance(Quantiles(ImagesOf(Run(Pairs(generate, 1, 6))["pairs"])), held_out);
  };
  const SettingMap restyled{{"generate.mix", "restyled:1"}, {"restyle.least_style", "1"}};
  const double before =
      distance(Spec3d("generate", {{"source", source}, {"model", model}}, restyled));
  EXPECT_GT(before, 0.1) << "the looks differ";
  const std::string styled = Run(Spec3d(
      "align", {{"source", source}, {"model", model}, {"references", references}, {"pool", pool}},
      {{"align.iterations", "40"}, {"align.batch", "4"}, {"align.check_interval", "10"}}))["model"];
  const std::map<std::string, std::string> inputs{
      {"source", source}, {"model", styled}, {"stage1", model}, {"references", references}};
  const double after = distance(Spec3d("generate", inputs, restyled));
  EXPECT_LT(after, 0.4 * before);
  const double recoloured =
      distance(Spec3d("generate", inputs, {{"generate.mix", "recoloured:1"}}));
  EXPECT_LT(recoloured, 0.4 * before);
}

TEST_F(VolumeAlignTest, ACopyOfAReferenceIsLeftOutHoweverItIsMirrored) {
  // The source's own volumes are the references, so that whatever is restyled is a copy of one.
  const std::string manifest = PutVolumes(PhantomDomain::kSource, 4, true);
  const std::string source = Packed(manifest);
  const std::string judge = Run(Spec3d("judge", {{"source", source}}))["segmenter"];
  const std::string model = Run(Spec3d("fit", {{"source", source}}))["model"];
  const auto verdicts = [&](const std::string& references) {
    std::vector<json> records;
    const TaskSpec generate = Spec3d("generate",
                                     {{"source", source},
                                      {"model", model},
                                      {"stage1", model},
                                      {"judge/000000", judge},
                                      {"references", references}},
                                     {{"generate.mix", "recoloured:1"},
                                      {"align.references", "1"},
                                      {"gates.enabled", "on"},
                                      {"gates.mask_agreement", "0"},
                                      {"gates.attempts", "1"}});
    for (const std::string& line : LinesOf(Run(Pairs(generate, 1, 4))["pairs"])) {
      records.push_back(json::parse(line));
    }
    return records;
  };
  for (const json& line : verdicts(PutVolumes(PhantomDomain::kSource, 4, false))) {
    EXPECT_THAT(line.value("left_out", ""), HasSubstr("near copy of reference"));
  }
  for (const json& line :
       verdicts(PutVolumes(PhantomDomain::kSource, 4, false, 1, {}, /*mirrored=*/true))) {
    EXPECT_THAT(line.value("left_out", ""), HasSubstr("near copy of reference"));
  }
  for (const json& line : verdicts(PutVolumes(PhantomDomain::kSource, 4, false, 9))) {
    EXPECT_EQ(line.value("left_out", ""), "") << "a copy of the source is declared";
    EXPECT_TRUE(line.at("record").at("gates").at("near_copy"));
    EXPECT_EQ(line.at("record").at("gates").at("nearest"), line.at("record").at("mask"));
  }
}

}  // namespace
}  // namespace alignflow
