#include "worker/pairs/pair_scale.h"

#include <gtest/gtest.h>

namespace alignflow {
namespace {

TaskSpec Spec(const std::string& least, const std::string& framing = "references", int seed = 3) {
  TaskSpec spec{.kind = "transfer",
                .settings = {{"framing", framing}, {"seed", std::to_string(seed)}},
                .inputs = {}};
  if (!least.empty()) spec.settings["framing.least_scale"] = least;
  return spec;
}

// A lesion of 24 x 24 pixels, which is red where all else is dark green, and its mask.
struct Lesion {
  at::Tensor image = at::zeros({3, 64, 64}, at::kByte), classes = at::zeros({64, 64}, at::kByte);
  Lesion() {
    image[1].fill_(60);
    image[0].slice(0, 8, 32).slice(1, 30, 54).fill_(255);
    classes.slice(0, 8, 32).slice(1, 30, 54).fill_(1);
  }
};

TEST(PairScaleTest, StructuresBecomeSmallerAndTheirMasksWithThem) {
  const Lesion lesion;
  const PairScale scale(Spec("0.4"));
  double least = 1, most = 0;
  for (int64_t pair = 1; pair <= 60; ++pair) {
    const auto scaled = scale.Apply(pair, lesion.image, lesion.classes);
    EXPECT_EQ(scaled.image.sizes(), lesion.image.sizes());
    EXPECT_EQ(scaled.classes.sizes(), lesion.classes.sizes());
    EXPECT_GE(scaled.scale, 0.4);
    EXPECT_LE(scaled.scale, 1);
    least = std::min(least, scaled.scale);
    most = std::max(most, scaled.scale);
    // The mask is still where the lesion is, also where it is seen mirrored.
    const at::Tensor red = scaled.image[0].gt(127), of_mask = scaled.classes.eq(1);
    const auto both = red.logical_and(of_mask).sum().item<int64_t>();
    EXPECT_GT(both, 0.75 * red.logical_or(of_mask).sum().item<int64_t>()) << scaled.scale;
    EXPECT_LE(scaled.classes.max().item<int64_t>(), 1);
    // Nothing but tissue comes into sight.
    EXPECT_GE(scaled.image.to(at::kInt).sum(0).min().item<int64_t>(), 59);
  }
  EXPECT_LT(least, 0.5);
  EXPECT_GT(most, 0.9);
}

TEST(PairScaleTest, APairsScaleFollowsFromSeedAndNumber) {
  const Lesion lesion;
  const auto scale_of = [&](int seed, int64_t pair) {
    const PairScale scale(Spec("0.4", "references", seed));
    return scale.Apply(pair, lesion.image, lesion.classes).scale;
  };
  EXPECT_EQ(scale_of(3, 7), scale_of(3, 7));
  EXPECT_NE(scale_of(3, 7), scale_of(3, 8));
  EXPECT_NE(scale_of(3, 7), scale_of(4, 7));
}

TEST(PairScaleTest, NothingIsDoneWhereNothingIsAskedForAndToWholePictures) {
  const Lesion lesion;
  for (const TaskSpec& spec : {Spec("1"), Spec(""), Spec("0.4", "none")}) {
    const auto scaled = PairScale(spec).Apply(1, lesion.image, lesion.classes);
    EXPECT_EQ(scaled.scale, 1);
    EXPECT_TRUE(at::equal(scaled.image, lesion.image));
    EXPECT_TRUE(at::equal(scaled.classes, lesion.classes));
  }
}

TEST(PairScaleTest, AMaskWithoutAnImageIsMadeSmallerWithoutAMirror) {
  const Lesion lesion;
  const PairScale scale(Spec("0.4"));
  const auto whole = lesion.classes.sum().item<int64_t>();
  for (int64_t pair = 1; pair <= 30; ++pair) {
    const auto scaled = scale.OfMask(pair, lesion.classes);
    EXPECT_EQ(scaled.classes.sizes(), lesion.classes.sizes());
    EXPECT_EQ(scaled.scale, scale.Apply(pair, lesion.image, lesion.classes).scale);
    const double area = scaled.classes.sum().item<int64_t>();
    EXPECT_NEAR(area, whole * scaled.scale * scaled.scale, 0.15 * whole * scaled.scale) << pair;
  }
  const at::Tensor none = at::zeros({64, 64}, at::kByte);
  EXPECT_TRUE(at::equal(scale.OfMask(1, none).classes, none));
  at::Tensor dot = at::zeros({64, 64}, at::kByte);
  dot[31][31] = 1;
  for (int64_t pair = 1; pair <= 30; ++pair) {
    EXPECT_TRUE(scale.OfMask(pair, dot).classes.any().item<bool>()) << "nothing is lost";
  }
  EXPECT_TRUE(at::equal(PairScale(Spec("1")).OfMask(1, lesion.classes).classes, lesion.classes));
}

}  // namespace
}  // namespace alignflow
