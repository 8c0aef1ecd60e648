#include "worker/transfer/colour_transfer.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "worker/framing/field_of_view.h"
#include "worker/training/random_stream.h"

namespace alignflow {
namespace {

at::Tensor RandomImages(int64_t count, uint64_t index) {
  at::Generator random = RandomStream(3, RandomUse::kTransfer, index);
  return at::rand({count, 3, 16, 16}, random) * 1.2 - 0.5;
}

TEST(ColourTransferTest, LabHasTheStandardsValues) {
  // sRGB red, green, blue and white under D65.
  const at::Tensor rgb =
      at::tensor({1., 0., 0., 0., 1., 0., 0., 0., 1., 1., 1., 1.}, at::kDouble).view({4, 3, 1, 1}) *
          2 -
      1;
  const at::Tensor lab = at::tensor({53.24, 80.09, 67.20, 87.73, -86.18, 83.18, 32.30, 79.19,
                                     -107.86, 100.0, 0.0, 0.0},
                                    at::kDouble)
                             .view({4, 3, 1, 1});
  EXPECT_LT((LabOfRgb(rgb) - lab).abs().max().item<double>(), 0.02);
}

TEST(ColourTransferTest, LabAndBackIsTheSameImage) {
  const at::Tensor images = at::cat({RandomImages(2, 0), at::full({1, 3, 16, 16}, -1.0)});
  EXPECT_LT((RgbOfLab(LabOfRgb(images)) - images).abs().max().item<double>(), 2e-4);
}

TEST(ColourTransferTest, ReinhardGivesEachImageTheReferencesMoments) {
  // Narrow colours, so that nothing is clamped.
  const at::Tensor images = RandomImages(3, 1) * 0.2 + 0.1;
  const at::Tensor references = RandomImages(2, 2) * 0.15 - 0.2;
  const ColourMoments wanted = MomentsInView(references);
  const at::Tensor moved = TransferReinhard(images, wanted);
  for (int64_t i = 0; i < 3; ++i) {
    const ColourMoments got = MomentsInView(moved.narrow(0, i, 1));
    EXPECT_TRUE(at::allclose(got.mean, wanted.mean, 1e-2, 0.1)) << got.mean << wanted.mean;
    EXPECT_TRUE(at::allclose(got.deviation, wanted.deviation, 1e-2, 0.1));
  }
}

TEST(ColourTransferTest, ReinhardLeavesTheBlackAroundTheFieldOfViewAlone) {
  at::Tensor image = RandomImages(1, 4) * 0.2 + 0.3;
  image.narrow(3, 0, 6).fill_(-1);
  const at::Tensor moved = TransferReinhard(image, MomentsInView(RandomImages(2, 5)));
  const at::Tensor outside = FieldOfView(image).le(0.5).expand_as(image);
  ASSERT_GT(outside.sum().item<int64_t>(), 100);
  EXPECT_TRUE(at::equal(moved.masked_select(outside), image.masked_select(outside)));
  EXPECT_GT((moved - image).abs().max().item<double>(), 0.1);
}

TEST(ColourTransferTest, ADarkLumenHasNoEdgeThatTheImageDidNotHave) {
  // Tissue that fades into a black lumen at the right; the references are far brighter.
  const at::Tensor ramp = at::linspace(0.2, -1, 64).view({1, 1, 1, 64});
  const at::Tensor image = ramp.expand({1, 3, 16, 64}).clone();
  const at::Tensor moved =
      TransferReinhard(image, {at::tensor({75.0F, 20.0F, 15.0F}), at::tensor({12.0F, 6.0F, 6.0F})});
  const at::Tensor steps = moved.diff(1, 3).abs();
  EXPECT_GT((moved - image).abs().max().item<double>(), 0.4);
  // A threshold leaves a step of 0.5 and more where the brightness falls below it.
  EXPECT_LT(steps.max().item<double>(), 0.2);
  const at::Tensor lumen = moved.narrow(3, 58, 6);
  EXPECT_TRUE(at::equal(lumen, image.narrow(3, 58, 6))) << "black stays black";
}

TEST(ColourTransferTest, AVolumesBodyTakesAReferencesGreyMomentsAndItsSurroundingsStay) {
  at::Generator random = RandomStream(3, RandomUse::kTransfer, 8);
  const auto bodies = [&](double grey, double spread) {
    return grey + spread * at::rand({2, 1, 16, 16, 16}, random);
  };
  at::Tensor volumes = bodies(-0.2, 0.3);
  const at::Tensor references = bodies(0.3, 0.1);
  const ColourMoments wanted = MomentsInView(references.narrow(0, 1, 1));
  EXPECT_NEAR(wanted.mean.item<double>(), 0.35, 0.03);
  const at::Tensor moved = TransferReinhard(volumes, wanted);
  for (int64_t i = 0; i < 2; ++i) {
    const ColourMoments own = MomentsInView(moved.narrow(0, i, 1));
    EXPECT_NEAR(own.mean.item<double>(), wanted.mean.item<double>(), 0.03);
    EXPECT_NEAR(own.deviation.item<double>(), wanted.deviation.item<double>(), 0.03);
  }
  volumes.narrow(2, 0, 6).fill_(-1);
  const at::Tensor bright = TransferReinhard(volumes, {at::full({1}, 0.9), at::full({1}, 0.5)});
  EXPECT_TRUE(at::equal(bright.narrow(2, 0, 5), volumes.narrow(2, 0, 5)));
  EXPECT_GT(bright.mean().item<double>(), volumes.mean().item<double>() + 0.3);
  EXPECT_EQ(bright.max().item<float>(), 1) << "within black and white";
}

TEST(ColourTransferTest, FourierTakesAVolumesMean) {
  const at::Tensor volumes =
      RandomImages(1, 6).view({1, 1, 3, 16, 16}).repeat({1, 1, 4, 1, 1}) * 0.3;
  const at::Tensor moved = TransferFourier(volumes, volumes + 0.2, 0.05);
  EXPECT_TRUE(at::allclose(moved, volumes + 0.2, 1e-3, 1e-3));
}

TEST(ColourTransferTest, FourierTakesTheStylesMeanAndKeepsTheEdges) {
  const at::Tensor images = RandomImages(2, 6) * 0.3, styles = RandomImages(2, 7) * 0.3 + 0.4;
  const at::Tensor moved = TransferFourier(images, styles, 0.07);  // one frequency each way
  const std::vector<int64_t> pixels{2, 3};
  EXPECT_TRUE(at::allclose(moved.mean(pixels).abs(), styles.mean(pixels).abs(), 1e-3, 1e-3));
  const auto high = [](const at::Tensor& x) {
    return at::fft_fft2(x).narrow(2, 3, 10).narrow(3, 3, 10).abs();
  };
  EXPECT_TRUE(at::allclose(high(moved), high(images), 1e-3, 1e-3));
  EXPECT_TRUE(at::allclose(TransferFourier(images, images, 0.2), images, 1e-4, 1e-5));
  EXPECT_THROW(TransferFourier(images, styles.narrow(0, 0, 1), 0.1), std::invalid_argument);
}

}  // namespace
}  // namespace alignflow
