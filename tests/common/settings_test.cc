#include "common/settings/settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

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
    EXPECT_EQ(setting.type == SettingType::kChoice, !setting.choices.empty()) << setting.name;
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
  const std::string error = ErrorOf({{"generate.strength", "0.5"}, {"align.start_index", "10"}});
  EXPECT_THAT(error, HasSubstr("generate.strength"));
  EXPECT_THAT(error, HasSubstr("align.start_index"));
  EXPECT_TRUE(
      ResolveSettings("unet-64", {{"generate.strength", "0.5"}, {"align.start_index", "11"}}).ok());
  EXPECT_TRUE(
      ResolveSettings("unet-64", {{"generate.strength", "1"}, {"align.start_index", "0"}}).ok());
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

TEST(SettingsTest, ASettingOfAnotherPresetIsRefused) {
  for (const char* name : {"weights", "prompt", "size", "fit.accumulate", "masks.adapter_rank"}) {
    EXPECT_THAT(ErrorOf({{name, "1"}}), HasSubstr("unet-64 does not have it"));
  }
}

// Equal tasks have equal keys: what was computed before these settings were there stays valid.
TEST(SettingsTest, TheSmallPresetsTasksKnowNothingOfThePretrainedModelsSettings) {
  const SettingMap fit = SettingsOfKind("fit", "unet-64", *ResolveSettings("unet-64", {}));
  EXPECT_EQ(fit.size(), 6u);
  EXPECT_FALSE(fit.contains("weights"));
  const SettingMap unet = *ResolveSettings("unet-64", {{"masks.kind", "both"}});
  EXPECT_EQ(SettingsOfKind("fit-masks", "unet-64", unet).size(), 5u);
  EXPECT_EQ(SettingsOfKind("masks", "unet-64", unet).size(), 3u);
}

TEST(SettingsTest, NearestIsTheSmallestEditDistance) {
  EXPECT_EQ(Nearest("kitten", {"sitting", "mitten", "kit"}), "mitten");
  EXPECT_EQ(Nearest("x", {}), "");
}

}  // namespace
}  // namespace alignflow
