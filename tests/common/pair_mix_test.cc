#include "common/settings/pair_mix.h"

#include <gtest/gtest.h>

#include <cmath>

namespace alignflow {
namespace {

PairMix Mix(const SettingMap& given) {
  return PairMix::Of(ResolveSettings("unet-64", given).value()).value();
}

TEST(PairMixTest, KindsAreSpreadEvenlyByTheirShares) {
  const std::pair<const char*, std::array<double, kPairKinds>> cases[] = {
      {"generated:1", {1, 0, 0}},
      {"restyled:0.5,recoloured:0.5", {0, 0.5, 0.5}},
      {"restyled:0.9,recoloured:0.1", {0, 0.9, 0.1}},
      {"generated:0.2,restyled:0.5,recoloured:0.3", {0.2, 0.5, 0.3}},
      {"generated:0.29,restyled:0.71", {0.29, 0.71, 0}},
  };
  for (const auto& [text, shares] : cases) {
    const PairMix mix = Mix({{"generate.mix", text}});
    for (int64_t first = 1; first <= 200; ++first) {
      const PairMix::Counts counts = mix.CountsOf(first);
      for (size_t kind = 0; kind < kPairKinds; ++kind) {
        EXPECT_EQ(counts.new_masks[kind], 0);
        EXPECT_LT(std::abs(static_cast<double>(counts.real_masks[kind]) -
                           static_cast<double>(first) * shares[kind]),
                  2)
            << text << " of " << first;
        EXPECT_EQ(mix.Makes(static_cast<PairKind>(kind)), shares[kind] > 0);
      }
    }
    EXPECT_EQ(mix.CountsOf(1000).real_masks[0], std::lround(1000 * shares[0])) << text;
  }
}

TEST(PairMixTest, EverySecondPairIsRecolouredByDefault) {
  const PairMix mix = Mix({});
  for (int64_t number = 1; number <= 40; ++number) {
    EXPECT_EQ(mix.At(number).kind, number % 2 == 0 ? PairKind::kRecoloured : PairKind::kRestyled);
  }
}

TEST(PairMixTest, PairsOfNewMasksAreMadeAsMasksStartSays) {
  for (const auto& [start, kind] :
       {std::pair{"warp", PairKind::kRestyled}, {"noise", PairKind::kGenerated}}) {
    const PairMix both = Mix({{"masks.kind", "both"}, {"masks.start", start}});
    int recoloured = 0;
    for (int64_t number = 1; number <= 40; ++number) {
      const PlannedPair pair = both.At(number);
      EXPECT_EQ(pair.new_mask, number % 2 == 0);
      if (pair.new_mask) {
        EXPECT_EQ(pair.kind, kind);
      } else {
        recoloured += pair.kind == PairKind::kRecoloured;
      }
    }
    EXPECT_EQ(recoloured, 10) << "half of those with real masks";
    const PairMix all = Mix({{"masks.kind", "synthetic"}, {"masks.start", start}});
    EXPECT_EQ(all.CountsOf(40).new_masks[static_cast<size_t>(kind)], 40);
    EXPECT_FALSE(all.Makes(PairKind::kRecoloured)) << "no source image has a new mask";
  }
}

TEST(PairMixTest, TheMethodOverrulesTheMix) {
  EXPECT_EQ(Mix({{"method", "fda"}}).CountsOf(9).real_masks, (std::array<int64_t, 3>{0, 0, 9}));
  const PairMix stage1 = Mix({{"method", "controlnet-fm"}});
  EXPECT_EQ(stage1.CountsOf(9).real_masks, (std::array<int64_t, 3>{0, 9, 0}));
  EXPECT_FALSE(stage1.Makes(PairKind::kRecoloured));
}

TEST(PairMixTest, Stage1MakesTheSamePairsWithoutRecolouring) {
  const PairMix mix = Mix({{"generate.mix", "generated:0.4,restyled:0.4,recoloured:0.2"}});
  const PairMix stage1 = mix.OfStage1();
  for (int64_t number = 1; number <= 50; ++number) {
    const PairKind kind = mix.At(number).kind;
    EXPECT_EQ(stage1.At(number).kind, kind == PairKind::kRecoloured ? PairKind::kRestyled : kind);
  }
  EXPECT_EQ(mix.OfModelText(), "generated:0.4,restyled:0.4,recoloured:0.2");
  EXPECT_EQ(Mix({}).OfModelText(), "restyled:1");
  EXPECT_EQ(Mix({{"generate.mix", "generated:0.9,recoloured:0.1"}}).OfModelText(), "generated:1");
}

TEST(PairMixTest, SettingsWithoutAMixAreRefused) {
  EXPECT_EQ(PairMix::Of({}).status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace alignflow
