#include "client/mix_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/settings/settings.h"

namespace alignflow {
namespace {

using ::testing::HasSubstr;

std::string TextOf(int pairs, const SettingMap& given) {
  v1::AlignSpec spec;
  spec.set_pairs(pairs);
  spec.set_preset("unet-64");
  const SettingMap settings = ResolveSettings("unet-64", given).value();
  spec.mutable_settings()->insert(settings.begin(), settings.end());
  return MixText(spec);
}

TEST(MixTextTest, SaysHowManyPairsAreWhatAndWhy) {
  EXPECT_EQ(TextOf(64, {}),
            "64 pairs: 32 restyled (source images in the references' style by the model), 32 "
            "recoloured (source images in the references' colours, without a model); generate.mix "
            "is restyled:0.5,recoloured:0.5, the default of unet-64");
  EXPECT_EQ(TextOf(1, {{"generate.mix", "generated:1"}}),
            "1 pair: 1 generated (images from noise for the source's masks); generate.mix is "
            "generated:1");
}

TEST(MixTextTest, NewMasksAreCountedApart) {
  const std::string text =
      TextOf(40, {{"masks.kind", "both"}, {"masks.start", "warp"}, {"generate.mix", "restyled:1"}});
  EXPECT_THAT(text, HasSubstr("40 pairs: 20 restyled (source images in"));
  EXPECT_THAT(text, HasSubstr("20 restyled (source images warped to new masks"));
  EXPECT_THAT(text, HasSubstr("generate.mix is restyled:1; masks.kind is both; masks.start is"));
}

TEST(MixTextTest, TheMethodIsTheReasonWhereItIsAnother) {
  EXPECT_THAT(TextOf(3, {{"method", "fda"}}), HasSubstr("3 recoloured"));
  EXPECT_THAT(TextOf(3, {{"method", "fda"}}), HasSubstr("; method is fda"));
  EXPECT_THAT(TextOf(3, {{"method", "controlnet-fm"}}), HasSubstr("3 pairs: 3 restyled"));
}

TEST(MixTextTest, AJobOfAnEarlierVersionHasNoSuchText) { EXPECT_EQ(MixText(v1::AlignSpec()), ""); }

}  // namespace
}  // namespace alignflow
