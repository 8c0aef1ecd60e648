#include "server/scheduler/kind_settings.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace alignflow {
namespace {

using testing::HasSubstr;

ModelOrigin Stage1(SettingMap settings = {}) {
  return {
      .preset = "unet-64", .aligned = false, .sees_views = true, .settings = std::move(settings)};
}
ModelOrigin Stage2(SettingMap settings = {}) {
  return {
      .preset = "unet-64", .aligned = true, .sees_views = true, .settings = std::move(settings)};
}

std::string Refusal(const ModelOrigin& model, const SettingMap& given) {
  const auto settings = SettingsWithModel(model, given);
  EXPECT_EQ(settings.status().code(), absl::StatusCode::kInvalidArgument) << settings.status();
  return std::string(settings.status().message());
}

TEST(KindSettingsTest, PairsOfAStage1ModelComeFromNoiseWithoutReferences) {
  const SettingMap settings = SettingsWithModel(Stage1(), {}).value();
  EXPECT_EQ(settings.at("method"), "controlnet-fm");
  EXPECT_EQ(settings.at("framing"), "source");
  EXPECT_EQ(settings.at("generate.mix"), "generated:1");
  EXPECT_EQ(
      SettingsWithModel(Stage1(), {{"generate.mix", "restyled:1"}}).value().at("generate.mix"),
      "restyled:1");
}

TEST(KindSettingsTest, PairsOfAStage2ModelAreThoseOfItsPreset) {
  const SettingMap settings = SettingsWithModel(Stage2(), {}).value();
  EXPECT_EQ(settings, PresetDefaults("unet-64").value());
}

TEST(KindSettingsTest, WhatTheModelWasMadeWithHoldsUnlessSomethingElseIsGiven) {
  const ModelOrigin model = Stage2({{"seed", "7"},
                                    {"restyle.strength", "0.25"},
                                    {"fit.iterations", "12"},
                                    {"align.references", "3"},
                                    {"generate.mix", "restyled:1"},
                                    {"pictures", "view"},
                                    {"no.longer.there", "1"}});
  const SettingMap settings = SettingsWithModel(model, {{"generate.steps", "9"}}).value();
  EXPECT_EQ(settings.at("seed"), "7");
  EXPECT_EQ(settings.at("restyle.strength"), "0.25");
  EXPECT_EQ(settings.at("fit.iterations"), "12");
  EXPECT_EQ(settings.at("generate.steps"), "9");
  EXPECT_EQ(settings.at("generate.mix"), "restyled:0.5,recoloured:0.5")
      << "stage 2 is told a part of it alone";
  EXPECT_EQ(SettingsWithModel(model, {{"seed", "8"}}).value().at("seed"), "8");
}

TEST(KindSettingsTest, WhatTheModelIsOfCannotBeAnother) {
  EXPECT_THAT(Refusal(Stage1(), {{"method", "alignflow"}}), HasSubstr("setting method"));
  EXPECT_THAT(Refusal(Stage2({{"align.tune", "style"}}), {{"align.tune", "control"}}),
              HasSubstr("was made with style"));
  EXPECT_TRUE(SettingsWithModel(Stage2(), {{"align.tune", "style"}}).ok()) << "that is the same";
  EXPECT_THAT(Refusal(Stage2(), {{"fit.iterations", "3"}}), HasSubstr("how models are made"));
  EXPECT_THAT(Refusal(Stage2(), {{"align.weight", "3"}}), HasSubstr("how models are made"));
  EXPECT_THAT(Refusal(Stage2(), {{"framing", "none"}}), HasSubstr("fields of view"));
  ModelOrigin whole = Stage1();
  whole.sees_views = false;
  EXPECT_EQ(SettingsWithModel(whole, {}).value().at("framing"), "none");
  EXPECT_THAT(Refusal(whole, {{"framing", "source"}}), HasSubstr("whole pictures"));
}

TEST(KindSettingsTest, WhatNeedsReferencesIsRefusedWhereThereAreNone) {
  EXPECT_THAT(Refusal(Stage1(), {{"framing", "references"}}), HasSubstr("give source"));
  EXPECT_THAT(Refusal(Stage1(), {{"generate.mix", "restyled:0.5,recoloured:0.5"}}),
              HasSubstr("no references whose colours"));
  EXPECT_TRUE(SettingsWithModel(Stage2(), {{"generate.mix", "recoloured:1"}}).ok());
}

TEST(KindSettingsTest, AMistypedSettingIsNamedAsEverywhere) {
  EXPECT_THAT(Refusal(Stage1(), {{"generate.step", "3"}}), HasSubstr("generate.steps"));
}

TEST(KindSettingsTest, FittingTakesWhatItDependsOnAlone) {
  EXPECT_EQ(CheckUseOfSettings(
                JobKind::kFit,
                {{"fit.iterations", "3"}, {"seed", "1"}, {"framing", "none"}, {"prompt", "a"}}),
            absl::OkStatus());
  const absl::Status status = CheckUseOfSettings(JobKind::kFit, {{"generate.steps", "3"}});
  EXPECT_THAT(std::string(status.message()), HasSubstr("setting generate.steps"));
  EXPECT_EQ(CheckUseOfSettings(JobKind::kAlign, {{"generate.steps", "3"}}), absl::OkStatus());
}

}  // namespace
}  // namespace alignflow
