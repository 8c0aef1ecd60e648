#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "absl/strings/escaping.h"
#include "tests/worker/tasks/task_fixture.h"
#include "worker/models/efficientnet/efficientnet.h"
#include "worker/models/safetensors.h"
#include "worker/models/unet/merged_model.h"

namespace alignflow {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using Json = nlohmann::json;

constexpr int kCount = 8;

// Figures of pairs that are put together from phantoms, as a generator with one fault or another
// would have made them.
class FiguresTaskTest : public TaskFixture {
 protected:
  // Pair i: the image of phantom image_of(i) of a domain, the mask of the source's phantom i.
  template <typename ImageOf>
  std::string PutPairs(PhantomDomain domain, const ImageOf& image_of,
                       const Json& record = Json::object(), int left_out = 0) {
    std::string lines;
    for (int i = 0; i < kCount; ++i) {
      Json full{
          {"pair", i + 1}, {"mask", "item-" + std::to_string(100 + i)}, {"synthetic", "generated"}};
      full.update(record);
      Json line{{"pair", i + 1}, {"record", full}};
      if (i < left_out) {
        line["left_out"] = "mask agreement 0.10";
      } else {
        line["image"] = blobs_->Put(*EncodePng(PhantomOf(domain, image_of(i)).image));
        line["mask"] = blobs_->Put(*EncodePng(PhantomOf(PhantomDomain::kSource, i).mask));
      }
      lines += line.dump() + "\n";
    }
    return blobs_->Put(lines);
  }
  std::string PutOwnPairs(PhantomDomain domain, const Json& record = Json::object(),
                          int left_out = 0) {
    return PutPairs(
        domain, [](int i) { return i; }, record, left_out);
  }

  static Json Gates(double agreement, bool near_copy) {
    return {{"gates",
             {{"mask_agreement", agreement},
              {"memorization", 0.7},
              {"nearest", "item-103"},
              {"nearest_in", "source"},
              {"near_copy", near_copy},
              {"attempts", 1},
              {"passed", true}}}};
  }

  // Scores of a run on the target's images.
  std::string PutScores(int run, double dice, int steps = 600,
                        const std::string& encoder = "random") {
    Json scores{{"segmenter", "unet"},
                {"encoder", encoder},
                {"run", run},
                {"iterations", steps},
                {"classes", {"polyp"}}};
    for (int i = 0; i < kCount; ++i) {
      const double own = dice + 0.01 * i + 0.002 * run;
      scores["images"].push_back({{"name", "item-" + std::to_string(100 + i)},
                                  {"group", ""},
                                  {"dice", {own}},
                                  {"iou", {own - 0.1}}});
    }
    return blobs_->Put(scores.dump());
  }

  std::map<std::string, std::string> Inputs(const std::string& stage2) {
    return {{"source", PutSet(PhantomDomain::kSource, kCount, true)},
            {"references", PutSet(PhantomDomain::kTargetA, 5, false, kCount)},
            {"target", PutSet(PhantomDomain::kTargetA, kCount, true)},
            {"stage2/000001", stage2}};
  }
  // The manifest of the domain's first phantoms, which PutPhantoms would draw again each time.
  std::string PutSet(PhantomDomain domain, int count, bool masks, int first = 0) {
    DatasetManifest manifest;
    if (masks) manifest.labels = PhantomLabels(PhantomKind::kPolyp);
    manifest.kind = masks ? DatasetKind::kDataset : DatasetKind::kReferences;
    for (int i = 0; i < count; ++i) {
      const Phantom& phantom = PhantomOf(domain, first + i);
      manifest.items.push_back({.name = "item-" + std::to_string(100 + i),
                                .image = blobs_->Put(*EncodePng(phantom.image)),
                                .mask = masks ? blobs_->Put(*EncodePng(phantom.mask)) : "",
                                .width = 64,
                                .height = 64});
    }
    return blobs_->Put(*WriteManifest(manifest));
  }
  // As many copies of one image, each stored anew.
  std::string PutCopies(PhantomDomain domain, int count, bool masks, int of = 0) {
    DatasetManifest manifest = *ParseManifest(blobs_->Read(PutSet(domain, count, masks)));
    for (int i = 0; i < count; ++i) {
      cv::Mat brighter;
      PhantomOf(domain, of).image.convertTo(brighter, -1, 1, i);
      manifest.items[i].image = blobs_->Put(*EncodePng(brighter));
    }
    return blobs_->Put(*WriteManifest(manifest));
  }
  Json Output(const TaskOutputs& outputs, const std::string& role) {
    return Json::parse(blobs_->Read(outputs.at(role)));
  }
  std::map<std::string, std::string> VerdictsOf(std::map<std::string, std::string> inputs) {
    std::map<std::string, std::string> verdicts;
    for (const Json& one : Output(Run(Spec("figures", std::move(inputs))), "verdicts.json")) {
      verdicts[one.at("name")] = one.at("verdict");
    }
    return verdicts;
  }
  static Json Find(const Json& figures, const std::string& name, const std::string& subject) {
    for (const Json& figure : figures) {
      if (figure.at("name") == name && figure.at("subject") == subject) return figure;
    }
    ADD_FAILURE() << "no " << name << " of " << subject;
    return {};
  }

 private:
  static const Phantom& PhantomOf(PhantomDomain domain, int index) {
    static auto* const drawn = new std::map<std::pair<PhantomDomain, int>, Phantom>;
    auto& phantom = (*drawn)[{domain, index}];
    if (phantom.image.empty()) {
      phantom = MakePhantom({.kind = PhantomKind::kPolyp,
                             .domain = domain,
                             .count = 2 * kCount,
                             // Another hospital has other patients.
                             .seed = domain == PhantomDomain::kSource ? 1u : 2u,
                             .size = 64},
                            index);
    }
    return phantom;
  }
};

TEST_F(FiguresTaskTest, EveryFigureIsInTheDocumentAndHasAnIntervalOrAReason) {
  auto inputs = Inputs(PutOwnPairs(PhantomDomain::kTargetA, Gates(0.8, false)));
  inputs["stage1/000001"] = PutOwnPairs(PhantomDomain::kSource);
  for (const int run : {1, 2}) {
    inputs["whole/real/00000" + std::to_string(run)] = PutScores(run, 0.5);
    inputs["whole/both/00000" + std::to_string(run)] = PutScores(run, 0.6);
  }
  const TaskOutputs outputs = Run(Spec("figures", inputs));
  std::ifstream stream(std::filesystem::path(ALIGNFLOW_TEST_DATA) / "../../docs/figures.md");
  const std::string document{std::istreambuf_iterator<char>(stream), {}};
  std::set<std::string> subjects;
  for (const Json& figure : Output(outputs, "figures")) {
    const std::string name = figure.at("name");
    EXPECT_THAT(document, HasSubstr("`" + name + "`"));
    EXPECT_TRUE(figure.at("value").is_number() ||
                figure.at("note").get<std::string>().starts_with("not available"))
        << figure;
    if (figure.contains("low")) {
      EXPECT_LE(figure.at("low"), figure.at("value")) << figure;
      EXPECT_GE(figure.at("high"), figure.at("value")) << figure;
    }
    if (name == "mmd to target") subjects.insert(figure.at("subject"));
  }
  EXPECT_EQ(subjects,
            (std::set<std::string>{"source", "references", "stage 1", "stage 2", "target"}));
}

// Stage 2 lessens the filter bank's distance itself, so that is no judge of it where there is
// another.
TEST_F(FiguresTaskTest, TheGapIsMeasuredByFeaturesThatNoMethodIsTrainedOnWhereTheyAreThere) {
  auto inputs = Inputs(PutOwnPairs(PhantomDomain::kTargetA));
  inputs["stage1/000001"] = PutOwnPairs(PhantomDomain::kSource);
  const TaskSpec spec = Spec("figures", inputs);
  const Json without = Find(Output(Run(spec), "figures"), "gap closed (percent)", "stage 2");
  EXPECT_EQ(without.at("note"), "by mmd to target");
  EXPECT_GT(without.at("value"), 50);

  const auto context = NewContext();
  context->bundled_models = folder_;
  at::manual_seed(4);
  WriteSafetensors(folder_ / "efficientnet-lite2.safetensors",
                   StateOf(EfficientNet(EfficientNetLite("lite2"))), {});
  const auto outputs = RunTask(spec, *context);
  ASSERT_TRUE(outputs.ok()) << outputs.status();
  const Json with = Find(Output(*outputs, "figures"), "gap closed (percent)", "stage 2");
  EXPECT_THAT(with.at("note").get<std::string>(), HasSubstr("by kd (efficientnet-lite2)"));
}

TEST_F(FiguresTaskTest, PairsOfTheTargetDomainAreAlignedAndWhatNoNetworkSawIsNotAvailable) {
  const TaskOutputs outputs =
      Run(Spec("figures", Inputs(PutOwnPairs(PhantomDomain::kTargetA, Gates(0.8, false)))));
  const Json figures = Output(outputs, "figures");
  EXPECT_LT(Find(figures, "mmd to target", "pairs").at("value"),
            Find(figures, "mmd to target", "source").at("value"));
  EXPECT_GT(Find(figures, "ssim to target", "pairs").at("value"), 0.9)
      << "the phantoms of the target are the pairs' images";
  EXPECT_NEAR(Find(figures, "mask agreement", "pairs").at("value").get<double>(), 0.8, 1e-9);
  for (const char* name :
       {"fid to target", "kid to target", "fd (dinov3) to target",
        "kd (efficientnet-lite2) to target", "lpips to target", "lpips to source image"}) {
    const Json figure = Find(figures, name, "pairs");
    EXPECT_TRUE(figure.at("value").is_null());
    EXPECT_THAT(figure.at("note").get<std::string>(), HasSubstr("models folder"));
  }
  EXPECT_THAT(Find(figures, "fd (filter bank) to target", "pairs").at("note").get<std::string>(),
              HasSubstr("small sample"));
  std::map<std::string, std::string> verdicts;
  for (const Json& one : Output(outputs, "verdicts.json")) verdicts[one["name"]] = one["verdict"];
  EXPECT_EQ(verdicts["alignment"], "good");
  EXPECT_EQ(verdicts["mask agreement"], "good");
  EXPECT_EQ(verdicts["memorization"], "good");
  EXPECT_EQ(verdicts["downstream"], "not measured");
}

TEST_F(FiguresTaskTest, PlantedFaultAGeneratorOfOneImageHasPoorDiversity) {
  const std::string one = PutPairs(PhantomDomain::kTargetA, [](int) { return 0; });
  EXPECT_EQ(VerdictsOf(Inputs(one))["diversity"], "poor");
}

TEST_F(FiguresTaskTest, PlantedFaultReferencesEqualToTheSourceLeaveNothingToGain) {
  auto inputs = Inputs(PutOwnPairs(PhantomDomain::kSource));
  inputs["references"] = PutSet(PhantomDomain::kSource, kCount, false);
  EXPECT_EQ(VerdictsOf(inputs)["alignment"], "nothing to gain");
}

TEST_F(FiguresTaskTest, PlantedFaultUnchangedImagesAreNotAligned) {
  auto verdicts = VerdictsOf(Inputs(PutOwnPairs(PhantomDomain::kSource)));
  EXPECT_EQ(verdicts["alignment"], "poor");
  EXPECT_EQ(verdicts["diversity"], "good") << "as diverse as the source, whose images they are";
}

TEST_F(FiguresTaskTest, PlantedFaultCopiesOfRealImagesArePoorAndRestyledOnesDeclared) {
  EXPECT_EQ(
      VerdictsOf(Inputs(PutOwnPairs(PhantomDomain::kSource, Gates(0.8, true))))["memorization"],
      "poor");
  Json restyled = Gates(0.8, true);
  restyled["synthetic"] = "restyled";
  EXPECT_EQ(VerdictsOf(Inputs(PutOwnPairs(PhantomDomain::kSource, restyled)))["memorization"],
            "declared");
}

TEST_F(FiguresTaskTest, PlantedFaultIgnoredMasksAreLeftOutAndCounted) {
  const TaskOutputs outputs = Run(Spec(
      "figures", Inputs(PutOwnPairs(PhantomDomain::kTargetA, Gates(0.5, false), /*left_out=*/4))));
  const Json figures = Output(outputs, "figures");
  EXPECT_EQ(Find(figures, "left out (percent)", "pairs").at("value"), 50);
  EXPECT_EQ(Find(figures, "mask agreement", "pairs").at("sample_count"), 4);
  for (const Json& one : Output(outputs, "verdicts.json")) {
    if (one.at("name") == "mask agreement") {
      EXPECT_EQ(one.at("verdict"), "poor");
    }
  }
}

TEST_F(FiguresTaskTest, CopiesOfOneSourceImageAreOneImageAndRefused) {
  auto inputs = Inputs(PutOwnPairs(PhantomDomain::kTargetA));
  inputs["source"] = PutCopies(PhantomDomain::kSource, kCount, true);
  const auto context = NewContext();
  const absl::Status status = RunTask(Spec("figures", inputs), *context).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("1 different source image"));
}

TEST_F(FiguresTaskTest, TenCopiesOfAReferenceAreOneAndNoRatioIsTakenOverTheirDistance) {
  auto inputs = Inputs(PutOwnPairs(PhantomDomain::kTargetA, Gates(0.8, false)));
  inputs.erase("target");
  inputs["references"] = PutCopies(PhantomDomain::kTargetA, 10, false, kCount);
  const TaskOutputs outputs = Run(Spec("figures", inputs));
  for (const Json& one : Output(outputs, "verdicts.json")) {
    const std::string reason = one.at("reason");
    if (one.at("name") == "alignment") {
      EXPECT_EQ(one.at("verdict"), "not measured");
      EXPECT_THAT(reason, HasSubstr("1 different reference, needs 3"));
    }
    if (one.at("name") == "diversity") {
      EXPECT_THAT(reason, HasSubstr("as much as the source images"));
    }
  }
}

TEST_F(FiguresTaskTest, TargetImagesThatAreReferencesAreLeftOutOfEveryFigure) {
  auto inputs = Inputs(PutOwnPairs(PhantomDomain::kTargetA));
  inputs["references"] = PutSet(PhantomDomain::kTargetA, 5, false);  // the target's first
  for (const int run : {1, 2, 3}) {
    inputs["whole/real/00000" + std::to_string(run)] = PutScores(run, 0.5);
    inputs["whole/both/00000" + std::to_string(run)] = PutScores(run, 0.6);
  }
  const TaskOutputs outputs = Run(Spec("figures", inputs));
  const Json figures = Output(outputs, "figures");
  EXPECT_EQ(Find(figures, "mean pairwise distance", "target").at("sample_count"), kCount - 5);
  EXPECT_EQ(Find(figures, "mdice on target (percent)", "real only").at("sample_count"), kCount - 5);
  for (const Json& one : Output(outputs, "verdicts.json")) {
    if (one.at("name") != "alignment" && one.at("name") != "downstream") continue;
    EXPECT_EQ(one.at("verdict"), "not measured") << one;
  }
  inputs["target"] = PutCopies(PhantomDomain::kTargetA, kCount, true);
  const auto context = NewContext();
  EXPECT_THAT(std::string(RunTask(Spec("figures", inputs), *context).status().message()),
              HasSubstr("every image of the target is in the source, among the references"));
}

TEST_F(FiguresTaskTest, TargetImagesOfAReferencesGroupAreLeftOutOfEveryFigure) {
  auto inputs = Inputs(PutOwnPairs(PhantomDomain::kTargetA));
  const auto grouped = [&](const char* role, int in_group) {
    DatasetManifest manifest = *ParseManifest(blobs_->Read(inputs[role]));
    for (size_t i = 0; i < manifest.items.size(); ++i) {
      manifest.items[i].group = "p" + std::to_string(i / in_group);
    }
    inputs[role] = blobs_->Put(*WriteManifest(manifest));
  };
  grouped("references", 5);  // all of p0
  grouped("target", 3);      // p0 has three images
  const TaskOutputs outputs = Run(Spec("figures", inputs));
  EXPECT_EQ(Find(Output(outputs, "figures"), "mean pairwise distance", "target").at("sample_count"),
            kCount - 3);
}

TEST_F(FiguresTaskTest, EmptyMasksSayNothingOfMaskAgreement) {
  std::string lines;
  std::istringstream stream(blobs_->Read(PutOwnPairs(PhantomDomain::kTargetA, Gates(1.0, false))));
  const std::string empty = blobs_->Put(*EncodePng(cv::Mat(64, 64, CV_8U, cv::Scalar(0))));
  for (std::string line; std::getline(stream, line);) {
    Json pair = Json::parse(line);
    pair["mask"] = empty;
    lines += pair.dump() + "\n";
  }
  const TaskOutputs outputs = Run(Spec("figures", Inputs(blobs_->Put(lines))));
  const Json figure = Find(Output(outputs, "figures"), "mask agreement", "pairs");
  EXPECT_TRUE(figure.at("value").is_null());
  EXPECT_THAT(figure.at("note").get<std::string>(), HasSubstr("no pair's mask shows a structure"));
  for (const Json& one : Output(outputs, "verdicts.json")) {
    if (one.at("name") == "mask agreement") {
      EXPECT_EQ(one.at("verdict"), "not measured");
    }
  }
}

TEST_F(FiguresTaskTest, OneRunOfThreeStepsIsNoEvidence) {
  auto inputs = Inputs(PutOwnPairs(PhantomDomain::kTargetA));
  inputs["whole/real/000001"] = PutScores(1, 0.5, 3);
  inputs["whole/both/000001"] = PutScores(1, 0.7, 3);
  const TaskOutputs outputs = Run(Spec("figures", inputs));
  for (const Json& one : Output(outputs, "verdicts.json")) {
    if (one.at("name") != "downstream") continue;
    EXPECT_EQ(one.at("verdict"), "not measured");
    EXPECT_THAT(one.at("reason").get<std::string>(),
                AllOf(HasSubstr("1 run on each side, needs 3"), HasSubstr("3 training steps")));
  }
}

TEST_F(FiguresTaskTest, ModelsThatBeganWithOtherWeightsAreNotCompared) {
  auto inputs = Inputs(PutOwnPairs(PhantomDomain::kTargetA));
  inputs["whole/real/000001"] = PutScores(1, 0.5, 600, "random");
  inputs["whole/both/000001"] = PutScores(1, 0.7, 600, "pretrained");
  const auto context = NewContext();
  const auto outputs = RunTask(Spec("figures", inputs), *context);
  EXPECT_EQ(outputs.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(outputs.status().message()), HasSubstr("pretrained weights"));
}

TEST_F(FiguresTaskTest, IntervalsOfScoresEndWhereScoresDo) {
  auto inputs = Inputs(PutOwnPairs(PhantomDomain::kTargetA));
  for (const int run : {1, 2, 3}) {
    inputs["whole/real/00000" + std::to_string(run)] = PutScores(run, 0.3 * run - 0.1);
    inputs["whole/both/00000" + std::to_string(run)] = PutScores(run, 1.1 - 0.3 * run);
  }
  const Json figures = Output(Run(Spec("figures", inputs)), "figures");
  for (const char* side : {"real only", "real + pairs"}) {
    const Json score = Find(figures, "mdice on target (percent)", side);
    EXPECT_EQ(score.at("low"), 0) << "the t interval over these runs is wider than all scores";
    EXPECT_EQ(score.at("high"), 100);
  }
}

TEST_F(FiguresTaskTest, SegmentersAreComparedRunByRun) {
  auto inputs = Inputs(PutOwnPairs(PhantomDomain::kTargetA));
  for (const int run : {1, 2, 3}) {
    inputs["whole/real/00000" + std::to_string(run)] = PutScores(run, 0.5);
    inputs["whole/both/00000" + std::to_string(run)] = PutScores(run, 0.6);
  }
  const TaskOutputs outputs = Run(Spec("figures", inputs));
  const Json scores = Output(outputs, "scores.json");
  EXPECT_EQ(scores.at("classes"), Json({"polyp"}));
  EXPECT_EQ(scores.at("encoder"), "random");
  EXPECT_EQ(scores.at("images").size(), static_cast<size_t>(kCount));
  EXPECT_EQ(scores.at("groups").size(), static_cast<size_t>(kCount));
  EXPECT_EQ(scores.at("dice").at("real + pairs").size(), 3u);
  EXPECT_NEAR(scores.at("dice").at("real only")[1][4][0].get<double>(), 0.5 + 0.04 + 0.004, 1e-9)
      << "the second run, the fifth image";
  const Json figures = Output(outputs, "figures");
  const Json gain = Find(figures, "mdice gain (points)", "real + pairs");
  EXPECT_NEAR(gain.at("value").get<double>(), 10, 1e-9);
  EXPECT_THAT(gain.at("note").get<std::string>(), HasSubstr("p = "));
  EXPECT_NEAR(Find(figures, "mdice on target (percent)", "real only").at("value").get<double>(),
              53.9, 1e-9);
  EXPECT_EQ(VerdictsOf(inputs)["downstream"], "good");
  inputs.erase("whole/real/000002");
  const auto context = NewContext();
  EXPECT_EQ(RunTask(Spec("figures", inputs), *context).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(FiguresTaskTest, SamplesStandBesideTheirSourceAndNearestImage) {
  Json record = Gates(0.8, false);
  record["start"] = "source image";
  auto inputs = Inputs(PutOwnPairs(PhantomDomain::kTargetA, record));
  inputs["stage1/000001"] = PutOwnPairs(PhantomDomain::kSource);
  const TaskOutputs outputs = Run(Spec("figures", inputs));
  const Json samples = Output(outputs, "samples.json");
  ASSERT_EQ(samples.size(), static_cast<size_t>(kCount));
  const Json& first = samples[0];
  EXPECT_EQ(first.at("mask_origin"), "item-100");
  EXPECT_EQ(first.at("kind"), "generated");
  EXPECT_EQ(first.at("start"), "source image");
  for (const char* name : {"stage 2", "stage 1", "source", "nearest"}) {
    std::string png;
    ASSERT_TRUE(
        absl::Base64Unescape(first.at("images").at(name).at("png").get<std::string>(), &png));
    EXPECT_TRUE(DecodeImage(png, name).ok());
  }
  const Json embedding = Output(outputs, "embedding.json");
  EXPECT_EQ(embedding.size(), static_cast<size_t>(4 * kCount + 5));
  for (const Json& point : embedding) EXPECT_TRUE(std::isfinite(point.at("x").get<double>()));
}

// Stage 2 must neither be praised nor blamed for images that no model has made.
TEST_F(FiguresTaskTest, RecolouredPairsAreASubjectOfTheirOwnAndNoPartOfStage2) {
  const auto kinds_of = [&](const std::string& pairs, const std::vector<std::string>& kinds) {
    std::string lines;
    std::istringstream stream(blobs_->Read(pairs));
    for (std::string line; std::getline(stream, line);) {
      Json pair = Json::parse(line);
      const auto index = pair["pair"].get<size_t>() - 1;
      pair["record"]["synthetic"] = kinds[index % kinds.size()];
      lines += pair.dump() + "\n";
    }
    return blobs_->Put(lines);
  };
  const std::string pairs = PutOwnPairs(PhantomDomain::kTargetA, Gates(0.8, true));
  auto inputs = Inputs(kinds_of(pairs, {"restyled", "recoloured"}));
  inputs["stage1/000001"] = PutOwnPairs(PhantomDomain::kSource);
  const TaskOutputs outputs = Run(Spec("figures", inputs));
  const Json figures = Output(outputs, "figures");
  for (const auto& [subject, count] : {std::pair{"stage 1", kCount / 2},
                                       {"stage 2", kCount / 2},
                                       {"recoloured", kCount / 2},
                                       {"pairs", kCount}}) {
    EXPECT_EQ(Find(figures, "mmd to target", subject).at("sample_count"), count) << subject;
  }
  EXPECT_EQ(Find(figures, "left out (percent)", "pairs").at("value"), 0);
  EXPECT_EQ(Find(figures, "mask agreement", "recoloured").at("sample_count"), kCount / 2);
  for (const Json& one : Output(outputs, "verdicts.json")) {
    if (one.at("name") != "memorization") continue;
    EXPECT_THAT(one.at("reason").get<std::string>(),
                HasSubstr("4 restyled and 4 recoloured are source images"));
  }
  const Json samples = Output(outputs, "samples.json");
  for (const Json& sample : samples) {
    const bool recoloured = sample.at("kind") == "recoloured";
    EXPECT_EQ(sample.at("images").contains("recoloured"), recoloured) << sample.at("pair");
    EXPECT_EQ(sample.at("images").contains("stage 2"), !recoloured);
    EXPECT_EQ(sample.at("images").contains("stage 1"), !recoloured);
  }
  std::map<std::string, int> points;
  for (const Json& point : Output(outputs, "embedding.json")) ++points[point.at("subject")];
  EXPECT_EQ(points.count("pairs"), 0u) << "its parts are there";
  EXPECT_EQ(points["recoloured"], kCount / 2);

  inputs = Inputs(kinds_of(pairs, {"recoloured"}));
  const Json alone = Output(Run(Spec("figures", inputs)), "figures");
  EXPECT_EQ(Find(alone, "mmd to target", "recoloured").at("sample_count"), kCount);
  for (const Json& figure : alone) EXPECT_NE(figure.at("subject"), "pairs");
}

TEST_F(FiguresTaskTest, TheSameInputsGiveTheSameBytes) {
  const auto inputs = Inputs(PutOwnPairs(PhantomDomain::kTargetA));
  EXPECT_EQ(Run(Spec("figures", inputs)), Run(Spec("figures", inputs)));
}

TEST_F(FiguresTaskTest, ANetworkInTheModelsFolderGivesItsFigure) {
  // AlexNet's shapes; the weights are drawn.
  constexpr int64_t kShapes[][4] = {
      {0, 64, 3, 11}, {3, 192, 64, 5}, {6, 384, 192, 3}, {8, 256, 384, 3}, {10, 256, 256, 3}};
  std::map<std::string, at::Tensor> weights;
  at::Generator generator = at::detail::createCPUGenerator(1);
  for (const auto& [layer, out, in, side] : kShapes) {
    const std::string name = "features." + std::to_string(layer);
    weights[name + ".weight"] = at::randn({out, in, side, side}, generator) * 0.05;
    weights[name + ".bias"] = at::zeros({out});
    weights["lin" + std::to_string(weights.size() / 3) + ".weight"] =
        at::rand({1, out, 1, 1}, generator);
  }
  const auto context = NewContext();
  context->models = folder_ / "models";
  std::filesystem::create_directories(context->models / "figures");
  WriteSafetensors(context->models / "figures/lpips.safetensors", weights, {});
  const auto outputs =
      RunTask(Spec("figures", Inputs(PutOwnPairs(PhantomDomain::kTargetA))), *context);
  ASSERT_TRUE(outputs.ok()) << outputs.status();
  const Json figures = Output(*outputs, "figures");
  EXPECT_NEAR(Find(figures, "lpips to target", "pairs").at("value").get<double>(), 0, 1e-6)
      << "the pairs' images are the target's";
  EXPECT_GT(Find(figures, "lpips to source image", "pairs").at("low"), 0.001);
}

TEST_F(FiguresTaskTest, WithoutReferencesPairsAreHeldAgainstTheSource) {
  auto inputs = Inputs(PutOwnPairs(PhantomDomain::kTargetA, Gates(0.8, false)));
  inputs.erase("references");
  inputs.erase("target");
  const TaskOutputs outputs = Run(Spec("figures", inputs));
  const Json figures = Output(outputs, "figures");
  EXPECT_GT(Find(figures, "mmd to source", "pairs").at("value"), 0.0);
  EXPECT_GT(Find(figures, "ssim to source image", "pairs").at("value"), 0.0);
  EXPECT_EQ(Find(figures, "mmd to source", "source").at("note"), "between its own halves");
  for (const Json& figure : figures) {
    EXPECT_NE(figure.at("name"), "ssim to source") << "of images that have nothing to do with it";
    EXPECT_NE(figure.at("subject"), "references");
  }
  const Json alignment = Output(outputs, "verdicts.json").at(0);
  EXPECT_EQ(alignment.at("verdict"), "not measured");
  EXPECT_THAT(alignment.at("reason").get<std::string>(), HasSubstr("knows no references"));
  EXPECT_NE(VerdictsOf(inputs)["diversity"], "not measured") << "the source is a yardstick";
}

TEST_F(FiguresTaskTest, WithoutReferencesATargetIsWhatPairsAreHeldAgainst) {
  auto inputs = Inputs(PutOwnPairs(PhantomDomain::kTargetA));
  inputs.erase("references");
  const Json figures = Output(Run(Spec("figures", inputs)), "figures");
  EXPECT_LT(Find(figures, "mmd to target", "pairs").at("value"),
            Find(figures, "mmd to target", "source").at("value"));
}

TEST_F(FiguresTaskTest, ThePictureBesideAPairIsOfTheDatasetWhoseMaskItHas) {
  auto inputs = Inputs(PutOwnPairs(PhantomDomain::kTargetA));
  inputs["origins"] = Prepared(PutSet(PhantomDomain::kTargetA, kCount, true));
  const Json figures = Output(Run(Spec("figures", inputs)), "figures");
  EXPECT_GT(Find(figures, "ssim to source image", "pairs").at("value"), 0.99)
      << "there it is the pair's own image";
}

TEST_F(FiguresTaskTest, WeightsThatCannotBeReadNameTheFile) {
  const auto context = NewContext();
  context->models = folder_ / "models";
  std::filesystem::create_directories(context->models / "figures");
  std::ofstream(context->models / "figures/inception.safetensors") << "no weights";
  const auto outputs =
      RunTask(Spec("figures", Inputs(PutOwnPairs(PhantomDomain::kTargetA))), *context);
  EXPECT_EQ(outputs.status().code(), absl::StatusCode::kFailedPrecondition) << outputs.status();
  EXPECT_THAT(std::string(outputs.status().message()), HasSubstr("figures/inception.safetensors"));
  EXPECT_THAT(std::string(outputs.status().message()), ::testing::Not(HasSubstr(folder_.string())));
}

}  // namespace
}  // namespace alignflow
