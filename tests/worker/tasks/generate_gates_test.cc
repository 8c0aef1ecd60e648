#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <opencv2/core.hpp>

#include "tests/worker/tasks/task_fixture.h"

namespace alignflow {
namespace {

using nlohmann::json;

class GenerateGatesTest : public TaskFixture {
 protected:
  GenerateGatesTest()
      : source_(PutPhantoms(PhantomDomain::kSource, 4, true)),
        references_(PutPhantoms(PhantomDomain::kTargetA, 2, false)),
        model_(Run(Spec("fit", {{"source", source_}}, {{"fit.iterations", "1"}}))["model"]),
        judge_(
            Run(Spec("judge", {{"source", source_}}, {{"judge.iterations", "2"}}))["segmenter"]) {}

  std::vector<json> Lines(SettingMap given, std::map<std::string, std::string> inputs = {}) {
    for (const auto& [name, value] : SettingMap{{"first_pair", "1"},
                                                {"last_pair", "4"},
                                                {"generate.steps", "1"},
                                                {"gates.enabled", "on"}}) {
      given.insert({name, value});
    }
    inputs.insert({{"source", source_},
                   {"references", references_},
                   {"model", model_},
                   {"judge/000000", judge_}});
    std::vector<json> lines;
    for (const std::string& line : LinesOf(Run(Spec("generate", inputs, given))["pairs"])) {
      lines.push_back(json::parse(line));
    }
    return lines;
  }

  // The output of a masks task for the pairs [first, last]: squares.
  std::string PutMasks(int first, int last) {
    std::string lines;
    for (int pair = first; pair <= last; ++pair) {
      cv::Mat mask(64, 64, CV_8UC1, cv::Scalar(0));
      mask(cv::Rect(10 + pair, 20, 16, 16)).setTo(255);
      lines += json{{"pair", pair},
                    {"mask", blobs_->Put(*EncodePng(mask))},
                    {"origin", "item-100"},
                    {"similarity", 0.5}}
                   .dump() +
               "\n";
    }
    return blobs_->Put(lines);
  }

  std::string source_, references_, model_, judge_;
};

TEST_F(GenerateGatesTest, APairThatFailsEveryAttemptIsLeftOutWithTheReason) {
  const std::vector<json> lines = Lines({{"gates.mask_agreement", "1"}, {"gates.attempts", "2"}});
  ASSERT_EQ(lines.size(), 4u);
  for (const json& line : lines) {
    EXPECT_FALSE(line.contains("image"));
    EXPECT_TRUE(line.at("left_out").get<std::string>().starts_with("mask agreement 0.")) << line;
    EXPECT_EQ(line.at("record").at("gates").at("attempts"), 2);
    EXPECT_EQ(line.at("record").at("gates").at("passed"), false);
  }
}

TEST_F(GenerateGatesTest, GatesWithMasksOfAnotherDatasetKnowTheImagesThatTheModelWasTrainedOn) {
  DatasetManifest other =
      *ParseManifest(blobs_->Read(PutPhantoms(PhantomDomain::kSource, 3, true, 64, /*seed=*/9)));
  for (DatasetItem& item : other.items) item.name = "other-" + item.name;
  const std::string trained = Prepared(source_);
  const std::vector<json> lines = Lines({{"gates.mask_agreement", "0"},
                                         {"gates.memorization", "0.001"},
                                         {"generate.mix", "generated:1"}},
                                        {{"source", blobs_->Put(*WriteManifest(other))},
                                         {"training", trained},
                                         {"statistics", Statistics(trained)}});
  ASSERT_EQ(lines.size(), 4u);
  for (const json& line : lines) {
    EXPECT_TRUE(line.at("record").at("mask").get<std::string>().starts_with("other-"));
    const json& gates = line.at("record").at("gates");
    EXPECT_TRUE(gates.at("nearest").get<std::string>().starts_with("item-")) << gates;
  }
}

TEST_F(GenerateGatesTest, GatesNeedNoReferences) {
  TaskSpec spec =
      Spec("generate", {{"source", source_}, {"model", model_}, {"judge/000000", judge_}},
           {{"first_pair", "1"},
            {"last_pair", "2"},
            {"generate.steps", "1"},
            {"gates.enabled", "on"},
            {"gates.mask_agreement", "0"}});
  for (const std::string& text : LinesOf(Run(spec)["pairs"])) {
    EXPECT_EQ(json::parse(text).at("record").at("gates").at("nearest_in"), "source");
  }
}

TEST_F(GenerateGatesTest, GatesThatLetAllPassChangeNoImageAndLeaveTheirFigures) {
  const std::vector<json> with =
      Lines({{"gates.mask_agreement", "0"}, {"gates.memorization", "0"}});
  const std::vector<json> without = Lines({{"gates.enabled", "off"}});
  ASSERT_EQ(with.size(), without.size());
  for (size_t i = 0; i < with.size(); ++i) {
    EXPECT_EQ(with[i].at("image"), without[i].at("image"));
    EXPECT_FALSE(without[i].at("record").contains("gates"));
    const json& gates = with[i].at("record").at("gates");
    EXPECT_EQ(gates.at("attempts"), 1);
    EXPECT_EQ(gates.at("passed"), true);
    EXPECT_GE(gates.at("mask_agreement"), 0.0);
  }
}

TEST_F(GenerateGatesTest, NewMasksAreTakenAndSaid) {
  for (const char* start : {"warp", "noise"}) {
    const std::vector<json> lines =
        Lines({{"masks.kind", "both"}, {"masks.start", start}, {"gates.enabled", "off"}},
              {{"masks", PutMasks(1, 4)}});
    for (const json& line : lines) {
      const int pair = line.at("pair");
      const json& record = line.at("record");
      const bool is_new = pair % 2 == 0;
      EXPECT_EQ(record.at("mask_kind"), is_new ? "synthetic" : "real");
      const cv::Mat mask = *DecodeMask(blobs_->Read(line.at("mask")), "mask");
      EXPECT_EQ(mask.at<uint8_t>(20, 10 + pair) == 255 && cv::countNonZero(mask) == 256, is_new);
      const bool from_noise = is_new && std::string(start) == "noise";
      EXPECT_EQ(record.at("synthetic"), from_noise ? "generated" : "restyled");
      EXPECT_EQ(record.value("start", ""), from_noise ? ""
                                           : is_new   ? "warped source image"
                                                      : "source image");
    }
  }
}

// The model of one step draws next to nothing itself, so that what it starts from is to be seen.
TEST_F(GenerateGatesTest, ANewMasksImageShowsTheSourcesStructureInItsPlace) {
  const auto seen = [&](const char* start) {
    const json line = Lines({{"masks.kind", "synthetic"},
                             {"masks.start", start},
                             {"restyle.strength", "0.1"},
                             {"align.start_index", "19"},
                             {"gates.enabled", "off"}},
                            {{"masks", PutMasks(1, 4)}})[0];
    const DatasetManifest manifest = *ParseManifest(blobs_->Read(source_));
    const auto origin = std::ranges::find(
        manifest.items, line.at("record").at("mask").get<std::string>(), &DatasetItem::name);
    // The mean colour of the structure, of the source's and of the new one's.
    const cv::Scalar real = cv::mean(*DecodeImage(blobs_->Read(origin->image), "real"),
                                     *DecodeMask(blobs_->Read(origin->mask), "real"));
    const cv::Scalar made = cv::mean(*DecodeImage(blobs_->Read(line.at("image")), "made"),
                                     *DecodeMask(blobs_->Read(line.at("mask")), "made"));
    return cv::norm(real - made);
  };
  EXPECT_LT(seen("warp"), 0.5 * seen("noise"));
}

TEST_F(GenerateGatesTest, APairWithANewMaskIsTheSameWhicheverShardMakesIt) {
  for (const char* start : {"warp", "noise"}) {
    const SettingMap both{
        {"masks.kind", "both"}, {"masks.start", start}, {"gates.mask_agreement", "0"}};
    const std::vector<json> whole = Lines(both, {{"masks", PutMasks(1, 4)}});
    SettingMap part = both;
    part["first_pair"] = "3";
    EXPECT_EQ(Lines(part, {{"masks", PutMasks(3, 4)}}),
              std::vector<json>(whole.begin() + 2, whole.end()));
  }
}

TEST_F(GenerateGatesTest, RecolouredPairsAreThoseOfColourTransfer) {
  const auto with = [&](const char* mix) {
    return Lines({{"generate.mix", mix}, {"gates.enabled", "off"}}, {{"stage1", model_}});
  };
  const auto transferred = LinesOf(
      Run(Spec("transfer", {{"source", source_}, {"references", references_}},
               {{"method", "reinhard"}, {"first_pair", "1"}, {"last_pair", "4"}}))["pairs"]);
  const std::vector<json> half = with("restyled:0.5,recoloured:0.5"), none = with("restyled:1");
  for (size_t i = 0; i < half.size(); ++i) {
    const bool recoloured = i % 2 == 1;
    EXPECT_EQ(half[i].at("record").contains("method"), recoloured);
    EXPECT_EQ(half[i].at("record").at("synthetic"), recoloured ? "recoloured" : "restyled");
    EXPECT_EQ(half[i].at("record").contains("model"), !recoloured);
    EXPECT_EQ(json::parse(transferred[i]).at("record").at("synthetic"), "recoloured");
    EXPECT_EQ(half[i].at("image"),
              recoloured ? json::parse(transferred[i]).at("image") : none[i].at("image"));
  }
}

TEST_F(GenerateGatesTest, EachPairOfAMixIsWhatItWouldBeAmongItsOwnKind) {
  const auto with = [&](const char* mix) {
    return Lines({{"generate.mix", mix}, {"gates.enabled", "off"}, {"last_pair", "8"}},
                 {{"stage1", model_}});
  };
  const std::vector<json> mixed = with("generated:0.25,restyled:0.5,recoloured:0.25");
  std::map<std::string, int> counts;
  for (size_t i = 0; i < mixed.size(); ++i) {
    const std::string kind = mixed[i].at("record").at("synthetic");
    if (++counts[kind] > 1) continue;  // the last bits of a batch depend on its size
    const json alone = with((kind + ":1").c_str())[i];
    EXPECT_EQ(alone.at("record"), mixed[i].at("record"));
    EXPECT_LT(cv::norm(*DecodeImage(blobs_->Read(alone.at("image")), "alone"),
                       *DecodeImage(blobs_->Read(mixed[i].at("image")), "mixed"), cv::NORM_INF),
              2);
  }
  EXPECT_EQ(counts,
            (std::map<std::string, int>{{"generated", 2}, {"restyled", 4}, {"recoloured", 2}}));
}

TEST_F(GenerateGatesTest, ARecolouredPairThatFailsIsMadeByTheModelInstead) {
  for (const auto& [mix, instead] :
       {std::pair{"recoloured:1", "restyled"}, {"generated:0.01,recoloured:0.99", "generated"}}) {
    for (const json& line :
         Lines({{"generate.mix", mix}, {"gates.mask_agreement", "1"}, {"gates.attempts", "2"}},
               {{"stage1", model_}})) {
      EXPECT_TRUE(line.contains("left_out"));
      EXPECT_FALSE(line.at("record").contains("method"));
      EXPECT_EQ(line.at("record").at("synthetic"), instead);
      EXPECT_EQ(line.at("record").at("gates").at("attempts"), 2);
    }
  }
}

// What is made in one job may be copies of two kinds: declared ones, and those that must not be.
TEST_F(GenerateGatesTest, CopiesAreRefusedOrDeclaredByThePairsOwnKind) {
  const std::vector<json> lines = Lines({{"generate.mix", "generated:0.5,restyled:0.5"},
                                         {"gates.mask_agreement", "0"},
                                         {"gates.memorization", "1"},
                                         {"gates.attempts", "1"}},
                                        {{"stage1", model_}});
  int copies = 0;
  for (const json& line : lines) {
    const json& record = line.at("record");
    const json& gates = record.at("gates");
    const bool declared =
        record.at("synthetic") == "restyled" && gates.at("nearest_in") == "source";
    copies += gates.at("near_copy") && declared;
    EXPECT_EQ(line.contains("left_out"), gates.at("near_copy") && !declared) << line;
  }
  EXPECT_GT(copies, 0);
}

TEST_F(GenerateGatesTest, SharesOfTheStyleLieBetweenBothStages) {
  const std::string pool = Run(Spec("rollout", {{"source", source_}, {"model", model_}}))["pool"];
  const std::string aligned = Run(Spec("align", {{"source", source_},
                                                 {"model", model_},
                                                 {"references", references_},
                                                 {"pool", pool}}))["model"];
  const auto with = [&](const char* least) {
    return Lines(
        {{"restyle.least_style", least}, {"generate.mix", "restyled:1"}, {"gates.enabled", "off"}},
        {{"model", aligned}, {"stage1", model_}});
  };
  const std::vector<json> full = with("1"), shared = with("0");
  const std::vector<json> none = Lines({{"gates.enabled", "off"}});
  EXPECT_FALSE(full[0].at("record").contains("style"));
  const auto image = [&](const json& line) {
    cv::Mat pixels;
    DecodeImage(blobs_->Read(line.at("image")), "image")->convertTo(pixels, CV_32F);
    return pixels;
  };
  for (size_t i = 0; i < full.size(); ++i) {
    const double share = shared[i].at("record").at("style");
    EXPECT_GE(share, 0);
    EXPECT_LT(share, 1);
    const cv::Mat expected = image(full[i]) * share + image(none[i]) * (1 - share);
    EXPECT_LT(cv::norm(image(shared[i]), expected, cv::NORM_L1) / (3 * 64 * 64), 3.0);
  }
}

}  // namespace
}  // namespace alignflow
