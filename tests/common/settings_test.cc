#include "common/settings/settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "common/settings/imported_presets.h"

namespace alignflow {
namespace {

using ::testing::HasSubstr;

TEST(SettingsTest, EveryPresetsDefaultsAreCanonicalTextWithinTheirRanges) {
  ASSERT_FALSE(PresetNames().empty());
  EXPECT_EQ(PresetNames().front(), "unet-64");
  for (const std::string& preset : PresetNames()) {
    const auto defaults = PresetDefaults(preset);
    ASSERT_TRUE(defaults.ok());
    for (const auto& [name, value] : *defaults) {
      EXPECT_EQ(std::ranges::count(AllSettings(), name, &Setting::name), 1) << name;
    }
    const auto resolved = ResolveSettings(preset, *defaults);
    ASSERT_TRUE(resolved.ok()) << resolved.status();
    EXPECT_EQ(*resolved, *defaults);
  }
}

TEST(SettingsTest, NamesAreUniqueAndEverySettingBelongsToATaskAndIsExplained) {
  std::set<std::string_view> names;
  for (const Setting& setting : AllSettings()) {
    EXPECT_TRUE(names.insert(setting.name).second) << setting.name;
    EXPECT_FALSE(setting.kinds.empty()) << setting.name;
    EXPECT_FALSE(setting.help.empty()) << setting.name;
    const bool has_names =
        setting.type == SettingType::kChoice || setting.type == SettingType::kShares;
    EXPECT_EQ(has_names, !setting.choices.empty()) << setting.name;
  }
}

TEST(SettingsTest, EqualValuesHaveOneText) {
  const auto resolved = ResolveSettings("unet-64", {{"fit.learning_rate", "1.0e-3"},
                                                    {"fit.iterations", "+70"},
                                                    {"align.weight", "-0.0"},
                                                    {"align.rollout", "fresh"}});
  ASSERT_TRUE(resolved.ok()) << resolved.status();
  EXPECT_EQ(resolved->at("fit.learning_rate"), "0.001");
  EXPECT_EQ(resolved->at("fit.iterations"), "70");
  EXPECT_EQ(resolved->at("align.weight"), "0");
  EXPECT_EQ(resolved->at("align.rollout"), "fresh");
}

std::string ErrorOf(const SettingMap& given) {
  const auto resolved = ResolveSettings("unet-64", given);
  EXPECT_EQ(resolved.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(resolved.status().message());
}

TEST(SettingsTest, AnUnknownNameIsRefusedWithTheNearest) {
  EXPECT_THAT(ErrorOf({{"align.wieght", "1"}}), HasSubstr("nearest is align.weight"));
  EXPECT_THAT(std::string(PresetDefaults("unet64").status().message()),
              HasSubstr("nearest is unet-64"));
}

TEST(SettingsTest, AValueOfAnotherTypeIsRefusedWithTheRange) {
  EXPECT_THAT(ErrorOf({{"fit.batch", "many"}}), HasSubstr("fit.batch: 'many' is not a whole"));
  EXPECT_THAT(ErrorOf({{"fit.batch", "1.5"}}), HasSubstr("1 to 1024"));
  EXPECT_THAT(ErrorOf({{"fit.batch", ""}}), HasSubstr("not a whole number"));
  EXPECT_THAT(ErrorOf({{"align.weight", "nan"}}), HasSubstr("not a number"));
  EXPECT_THAT(ErrorOf({{"align.rollout", "Pool"}}), HasSubstr("pool, fresh"));
}

TEST(SettingsTest, AValueOutOfRangeIsRefusedWithTheRange) {
  EXPECT_THAT(ErrorOf({{"align.start_index", "20"}}), HasSubstr("0 to 19"));
  EXPECT_THAT(ErrorOf({{"align.weight", "-1"}}), HasSubstr("0 to 1000"));
  EXPECT_THAT(ErrorOf({{"align.weight", "inf"}}), HasSubstr("out of range"));
  EXPECT_THAT(ErrorOf({{"align.batch", "1"}}), HasSubstr("2 to 1024"));
}

TEST(SettingsTest, StepsBeforeTheStartOfGenerationCannotBeTuned) {
  const std::string error = ErrorOf({{"restyle.strength", "0.5"}, {"align.start_index", "10"}});
  EXPECT_THAT(error, HasSubstr("restyle.strength"));
  EXPECT_THAT(error, HasSubstr("align.start_index"));
  EXPECT_TRUE(
      ResolveSettings("unet-64", {{"restyle.strength", "0.5"}, {"align.start_index", "11"}}).ok());
  EXPECT_TRUE(
      ResolveSettings("unet-64", {{"generate.mix", "generated:1"}, {"align.start_index", "0"}})
          .ok())
      << "from noise every step is made";
}

TEST(SettingsTest, PairsAreAtLeastAsLargeAsTheModelWorks) {
  EXPECT_THAT(ErrorOf({{"pairs.size", "32"}}), HasSubstr("pairs.size: 32 is smaller than the 64"));
  EXPECT_TRUE(ResolveSettings("unet-64", {{"pairs.size", "0"}}).ok());
  EXPECT_THAT(ErrorOf({{"evaluate.size", "100"}}), HasSubstr("give 96 or 128"));
  for (const char* name : {"pairs.size", "evaluate.size"}) {
    EXPECT_EQ(ResolveSettings("unet-64", {{name, "64"}})->at(name), "0")
        << "one text for one thing";
    EXPECT_EQ(ResolveSettings("unet-64", {{name, "128"}})->at(name), "128");
  }
  EXPECT_EQ(PresetDefaults("unet3d-32")->at("pairs.size"), "128");
  const auto large = ResolveSettings("unet3d-32", {{"pairs.size", "512"}});
  EXPECT_THAT(std::string(large.status().message()), HasSubstr("256 or less"));
}

TEST(SettingsTest, ClassesArePartedByCommas) {
  EXPECT_EQ(ResolveSettings("unet-64", {{"pairs.classes", " a, b c ,d"}})->at("pairs.classes"),
            "a,b c,d");
  EXPECT_EQ(ResolveSettings("unet-64", {{"pairs.classes", " "}})->at("pairs.classes"), "");
  EXPECT_THAT(ErrorOf({{"pairs.classes", "a,,b"}}), HasSubstr("empty"));
  EXPECT_THAT(ErrorOf({{"pairs.classes", "a,b,a"}}), HasSubstr("'a' is there twice"));
  EXPECT_THAT(ErrorOf({{"pairs.classes", "a\nb"}}), HasSubstr("one line"));
  EXPECT_FALSE(
      SettingsOfKind("generate", "unet-64", *PresetDefaults("unet-64")).contains("pairs.classes"));
  const auto sd35 = ResolveSettings("sd3.5-medium", {{"fit.condition", "both"}});
  EXPECT_THAT(std::string(sd35.status().message()), HasSubstr("masks alone"));
}

TEST(SettingsTest, WhatWorksOnPicturesAloneIsRefusedByPresetsForVolumes) {
  for (const auto& [preset, size] : PresetSizes(3)) {
    EXPECT_EQ(DimsOfPreset(preset), 3);
    for (const SettingMap& given : std::vector<SettingMap>{{{"fit.iterations", "7"}},
                                                           {{"method", "controlnet-fm"}},
                                                           {{"method", "reinhard"}},
                                                           {{"align.tune", "control"}},
                                                           {{"generate.mix", "generated:1"}},
                                                           {{"gates.enabled", "off"}},
                                                           {{"evaluate.segmenter", "none"}}}) {
      const auto resolved = ResolveSettings(preset, given);
      EXPECT_TRUE(resolved.ok()) << resolved.status();
    }
    for (const auto& [name, value] : SettingMap{{"method", "framing"},
                                                {"masks.kind", "both"},
                                                {"framing", "source"},
                                                {"judge.segmenter", "unet-lite0"},
                                                {"evaluate.segmenter", "dpt"}}) {
      const std::string error(ResolveSettings(preset, {{name, value}}).status().message());
      EXPECT_THAT(error, AllOf(HasSubstr(name), HasSubstr(preset), HasSubstr("leave it at")));
    }
  }
  for (const auto& [preset, size] : PresetSizes()) EXPECT_EQ(DimsOfPreset(preset), 2);
}

TEST(SettingsTest, SharesAreOneTextInOneOrder) {
  for (const char* text : {"recoloured:0.5,restyled:0.5", "restyled:.50, recoloured:5e-1"}) {
    const auto resolved = ResolveSettings("unet-64", {{"generate.mix", text}});
    ASSERT_TRUE(resolved.ok()) << resolved.status();
    EXPECT_EQ(resolved->at("generate.mix"), "restyled:0.5,recoloured:0.5");
  }
}

TEST(SettingsTest, SharesThatAreNoneAreRefusedWithTheRemedy) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "'' is not a name and its share"},
      {"restyled", "'restyled' is not a name and its share"},
      {"restyled:a", "'restyled:a' is not a name and its share"},
      {"restyled:1:2", "'restyled:1:2' is not a name and its share"},
      {"restiled:1", "'restiled' is not one of generated, restyled, recoloured"},
      {"restyled:0,recoloured:1", "the share of restyled is not above 0"},
      {"restyled:-1,recoloured:2", "the share of restyled is not above 0"},
      {"restyled:nan", "the share of restyled is not above 0"},
      {"restyled:inf", "the shares add up to inf"},
      {"restyled:0.5,restyled:0.5", "restyled is there twice"},
      {"restyled:0.5,recoloured:0.6", "the shares add up to 1.1"},
      {"restyled:1,", "'' is not a name and its share"},
  };
  for (const auto& [text, what] : cases) {
    const std::string error = ErrorOf({{"generate.mix", text}});
    EXPECT_THAT(error, HasSubstr(std::string("setting generate.mix: ") + what)) << text;
    EXPECT_THAT(error, HasSubstr("such as generated:0.34,restyled:0.33,recoloured:0.33")) << text;
  }
}

TEST(SettingsTest, ANameOfAnEarlierVersionSaysWhatToWriteInstead) {
  EXPECT_THAT(ErrorOf({{"generate.strength", "1"}}), HasSubstr("generate.mix=generated:1"));
  EXPECT_THAT(ErrorOf({{"generate.strength", "0.5"}}), HasSubstr("restyle.strength"));
  EXPECT_THAT(ErrorOf({{"generate.detail", "0"}}), HasSubstr("write restyle.detail"));
  EXPECT_THAT(ErrorOf({{"generate.least_style", "0"}}), HasSubstr("write restyle.least_style"));
  EXPECT_THAT(ErrorOf({{"generate.recoloured", "0.5"}}),
              HasSubstr("generate.mix=restyled:0.5,recoloured:0.5"));
  EXPECT_THAT(ErrorOf({{"restyle.strength", "1"}}), HasSubstr("0.1 to 0.95"));
}

// The shares of a mix, but for what trajectories start from, are no matter of training.
TEST(SettingsTest, JobsOfOtherSharesUseTheSameModel) {
  const auto of = [](const char* mix, const char* strength) {
    return *ResolveSettings("unet-64", {{"generate.mix", mix}, {"restyle.strength", strength}});
  };
  const SettingMap half = of("restyled:0.5,recoloured:0.5", "0.3");
  for (const char* kind : {"rollout", "align"}) {
    const auto part = [&](const SettingMap& resolved) {
      return SettingsOfKind(kind, "unet-64", resolved);
    };
    for (const char* mix : {"restyled:1", "recoloured:1", "restyled:0.1,recoloured:0.9",
                            "generated:0.5,restyled:0.5"}) {
      EXPECT_EQ(part(of(mix, "0.3")), part(half)) << mix;
    }
    EXPECT_NE(part(of("restyled:1", "0.4")), part(half));
    EXPECT_NE(part(of("generated:1", "0.3")), part(half));
    EXPECT_EQ(part(of("generated:1", "0.3")), part(of("generated:0.5,recoloured:0.5", "0.4")))
        << "nothing from noise is restyled";
  }
}

// Stage 1 and the rollout pool must be reused by a job with another stage 2.
TEST(SettingsTest, ATaskDependsOnItsOwnSettingsOnly) {
  const auto resolved = *ResolveSettings("unet-64", {});
  const auto changed = *ResolveSettings(
      "unet-64", {{"align.weight", "7"}, {"generate.steps", "3"}, {"align.iterations", "9"}});
  for (const char* kind : {"fit", "rollout", "figures"}) {
    EXPECT_EQ(SettingsOfKind(kind, "unet-64", resolved), SettingsOfKind(kind, "unet-64", changed));
  }
  for (const char* kind : {"align", "generate"}) {
    EXPECT_NE(SettingsOfKind(kind, "unet-64", resolved), SettingsOfKind(kind, "unet-64", changed));
  }
  const SettingMap fit = SettingsOfKind("fit", "unet-64", resolved);
  EXPECT_EQ(fit.at("preset"), "unet-64");
  EXPECT_EQ(fit.at("seed"), resolved.at("seed"));
  EXPECT_FALSE(fit.contains("align.weight"));
}

std::string PretrainedErrorOf(const SettingMap& given) {
  const auto resolved = ResolveSettings("sd3.5-medium", given);
  EXPECT_EQ(resolved.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(resolved.status().message());
}

TEST(SettingsTest, AFolderOfWeightsIsAPlainNameAndNeverAPath) {
  for (const char* name :
       {"", ".", "..", "../x", "/etc", "a/b", ".hidden", "a b", "a\\b", "weights\n"}) {
    EXPECT_THAT(PretrainedErrorOf({{"weights", name}}), HasSubstr("plain name")) << name;
  }
  const auto resolved = ResolveSettings("sd3.5-medium", {{"weights", "SD_3.5-medium"}});
  ASSERT_TRUE(resolved.ok()) << resolved.status();
  EXPECT_EQ(resolved->at("weights"), "SD_3.5-medium");
}

TEST(SettingsTest, APromptIsOneLine) {
  EXPECT_TRUE(ResolveSettings("sd3.5-medium", {{"prompt", ""}}).ok());
  EXPECT_TRUE(ResolveSettings("sd3.5-medium", {{"prompt", "Ein Bild der Milz, groß"}}).ok());
  EXPECT_THAT(PretrainedErrorOf({{"prompt", "two\nlines"}}), HasSubstr("one line"));
  EXPECT_THAT(PretrainedErrorOf({{"prompt", std::string(1001, 'x')}}), HasSubstr("1000 bytes"));
}

TEST(SettingsTest, ThePretrainedModelHasSizesInSixteensAndNoStyleHead) {
  EXPECT_THAT(PretrainedErrorOf({{"size", "520"}}), HasSubstr("multiple of 16"));
  EXPECT_THAT(PretrainedErrorOf({{"align.tune", "style"}}), HasSubstr("give control"));
}

// The prompt is in what the mask model sees; how it was trained is in its file.
TEST(SettingsTest, ThePretrainedModelMakesMasksWithAdaptersOrWithout) {
  for (const char* rank : {"0", "16", "256"}) {
    const auto resolved =
        ResolveSettings("sd3.5-medium", {{"masks.kind", "both"}, {"masks.adapter_rank", rank}});
    ASSERT_TRUE(resolved.ok()) << resolved.status();
    const SettingMap fit = SettingsOfKind("fit-masks", "sd3.5-medium", *resolved);
    const SettingMap masks = SettingsOfKind("masks", "sd3.5-medium", *resolved);
    EXPECT_EQ(fit.at("masks.adapter_rank"), rank);
    EXPECT_FALSE(masks.contains("masks.adapter_rank"));
    EXPECT_TRUE(fit.contains("prompt") && masks.contains("prompt"));
  }
  EXPECT_THAT(PretrainedErrorOf({{"masks.adapter_rank", "257"}}), HasSubstr("0 to 256"));
}

TEST(SettingsTest, ImportedModelsHavePresetsThatNobodyIsOffered) {
  for (const char* preset : {"motfm", "motfm-3d"}) {
    EXPECT_TRUE(IsImportedPreset(preset));
    EXPECT_EQ(std::ranges::count(PresetNames(), preset), 0);
    const auto defaults = PresetDefaults(preset);
    ASSERT_TRUE(defaults.ok()) << preset;
    const auto resolved = ResolveSettings(preset, {{"size", "128"}});
    ASSERT_TRUE(resolved.ok()) << resolved.status();
    EXPECT_EQ(ImageSizeOf(preset, *resolved).value(), 128);
    for (const auto& [name, value] : *defaults) {
      EXPECT_TRUE(name == "size" || resolved->at(name) == value) << name << ": canonical text";
    }
  }
  EXPECT_EQ(DimsOfPreset("motfm"), 2);
  EXPECT_EQ(DimsOfPreset("motfm-3d"), 3);
  EXPECT_FALSE(IsImportedPreset("unet-64"));
}

TEST(SettingsTest, ASettingOfAnotherPresetIsRefused) {
  for (const char* name : {"weights", "prompt", "size", "fit.accumulate", "masks.adapter_rank"}) {
    EXPECT_THAT(ErrorOf({{name, "1"}}), HasSubstr("unet-64 does not have it"));
  }
}

// Equal tasks have equal keys: what was computed before these settings were there stays valid.
TEST(SettingsTest, TheSmallPresetsTasksKnowNothingOfThePretrainedModelsSettings) {
  const SettingMap fit = SettingsOfKind("fit", "unet-64", *ResolveSettings("unet-64", {}));
  EXPECT_EQ(fit.size(), 7u);
  EXPECT_FALSE(fit.contains("weights"));
  const SettingMap unet = *ResolveSettings("unet-64", {{"masks.kind", "both"}});
  EXPECT_EQ(SettingsOfKind("fit-masks", "unet-64", unet).size(), 5u);
  EXPECT_EQ(SettingsOfKind("masks", "unet-64", unet).size(), 3u);
}

// Models and pairs that were made before there were such settings are reused.
TEST(SettingsTest, WhatIsAsItAlwaysWasIsNoPartOfATask) {
  const auto part = [](const char* kind, const SettingMap& given) {
    return SettingsOfKind(kind, "unet-64", *ResolveSettings("unet-64", given));
  };
  for (const char* kind : {"fit", "fit-masks"}) {
    EXPECT_FALSE(part(kind, {}).contains("fit.coupling")) << kind;
    EXPECT_EQ(part(kind, {{"fit.coupling", "ot"}}).at("fit.coupling"), "ot") << kind;
  }
  EXPECT_FALSE(part("generate", {{"generate.rtol", "0.01"}}).contains("generate.rtol"));
  const SettingMap dopri5 =
      part("generate", {{"generate.solver", "dopri5"}, {"generate.rtol", "0.01"}});
  EXPECT_EQ(dopri5.at("generate.rtol"), "0.01");
  EXPECT_EQ(dopri5.at("generate.atol"), "0.001");
}

TEST(SettingsTest, NearestIsTheSmallestEditDistance) {
  EXPECT_EQ(Nearest("kitten", {"sitting", "mitten", "kit"}), "mitten");
  EXPECT_EQ(Nearest("x", {}), "");
}

}  // namespace
}  // namespace alignflow
