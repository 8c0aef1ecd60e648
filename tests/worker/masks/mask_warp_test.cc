#include "worker/masks/mask_warp.h"

#include <gtest/gtest.h>

#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>

namespace alignflow {
namespace {

constexpr int kWarpSide = 96;

struct Ellipse {
  double x, y, width, height, angle;
};

at::Tensor Drawn(const Ellipse& ellipse) {
  cv::Mat mask(kWarpSide, kWarpSide, CV_8UC1, cv::Scalar(0));
  cv::ellipse(mask,
              cv::RotatedRect(
                  cv::Point2f(static_cast<float>(ellipse.x), static_cast<float>(ellipse.y)),
                  cv::Size2f(static_cast<float>(ellipse.width), static_cast<float>(ellipse.height)),
                  static_cast<float>(ellipse.angle)),
              cv::Scalar(1), cv::FILLED);
  return at::from_blob(mask.data, {kWarpSide, kWarpSide}, at::kByte).clone();
}

double Dice(const at::Tensor& a, const at::Tensor& b) {
  const at::Tensor x = a.gt(0), y = b.gt(0);
  return 2 * x.logical_and(y).sum().item<double>() / (x.sum() + y.sum()).item<double>();
}

constexpr Ellipse kDisc{40, 44, 24, 24, 0};
constexpr Ellipse kLong{48, 48, 40, 14, 0};

struct Case {
  const char* what;
  Ellipse from, to;
};
const Case kCases[] = {
    {"moved a little", kDisc, {50, 40, 24, 24, 0}},
    {"moved by more than its size", kDisc, {74, 66, 24, 24, 0}},
    {"to the border", kDisc, {88, 44, 24, 24, 0}},
    {"made larger", kDisc, {44, 44, 48, 48, 0}},
    {"made smaller", kDisc, {44, 44, 10, 10, 0}},
    {"squeezed", kDisc, {44, 44, 36, 14, 30}},
    {"turned", kLong, {48, 48, 40, 14, 40}},
    {"turned to upright", kLong, {48, 48, 40, 14, 90}},
    {"moved, turned and smaller", kLong, {60, 36, 28, 10, 60}},
};

TEST(MaskWarpTest, AMovedAndScaledStructureComesToLieOnTheNewMask) {
  for (const auto& [what, from, to] : kCases) {
    const at::Tensor real = Drawn(from), made = Drawn(to);
    EXPECT_GE(Dice(MaskWarp(real, made).Mask(real), made), 0.9) << what;
  }
}

TEST(MaskWarpTest, TheSameWarpTakesALargerPicture) {
  const int64_t large = 4 * kWarpSide;
  for (const auto& [what, from, to] : kCases) {
    const at::Tensor real = Drawn(from), made = Drawn(to);
    const MaskWarp warp(real, made);
    const auto enlarged = [&](const at::Tensor& classes) {
      return classes.repeat_interleave(4, 0).repeat_interleave(4, 1);
    };
    EXPECT_GE(Dice(warp.Enlarged(large).Mask(enlarged(real)), enlarged(made)), 0.9) << what;
  }
}

// What lies apart from the structures stays, as far as there is room.
TEST(MaskWarpTest, AwayFromTheStructuresNothingMoves) {
  const at::Tensor real = Drawn({30, 30, 16, 16, 0}), made = Drawn({34, 30, 16, 16, 0});
  const at::Tensor image = at::rand({1, 3, kWarpSide, kWarpSide});
  const at::Tensor warped = MaskWarp(real, made).Images(image);
  EXPECT_TRUE(at::allclose(warped.slice(2, 70), image.slice(2, 70), 0, 1e-4));
  EXPECT_FALSE(at::allclose(warped.slice(2, 20, 40), image.slice(2, 20, 40), 0, 1e-2));
}

TEST(MaskWarpTest, TwoStructuresThatLieApartDoNotTearTheImageOfOne) {
  const at::Tensor real = Drawn({48, 70, 10, 10, 0});
  const at::Tensor made = at::maximum(Drawn({30, 14, 10, 10, 0}), Drawn({60, 80, 10, 10, 0}));
  const at::Tensor x = at::arange(kWarpSide, at::kFloat).expand({1, 1, kWarpSide, kWarpSide});
  const at::Tensor steps = MaskWarp(real, made).Images(x).diff(1, 3).abs();
  EXPECT_LT(steps.max().item<double>(), 6) << "pixels between neighbours";
}

TEST(MaskWarpTest, TheImageGoesWithItsMask) {
  const at::Tensor real = Drawn(kDisc), made = Drawn({60, 50, 30, 20, 20});
  const at::Tensor image = real.to(at::kFloat).expand({1, 3, kWarpSide, kWarpSide});
  EXPECT_GE(Dice(MaskWarp(real, made).Images(image)[0][0].gt(0.5), made), 0.9);
}

TEST(MaskWarpTest, TheSameMaskOrAnEmptyOneMovesNothing) {
  const at::Tensor real = Drawn(kLong), empty = at::zeros({kWarpSide, kWarpSide}, at::kByte);
  const at::Tensor image = at::rand({1, 3, kWarpSide, kWarpSide});
  for (const auto& [from, to] : {std::pair{real, real}, {real, empty}, {empty, real}}) {
    EXPECT_TRUE(at::allclose(MaskWarp(from, to).Images(image), image, 0, 1e-4));
    EXPECT_TRUE(MaskWarp(from, to).Mask(real).equal(real));
  }
}

}  // namespace
}  // namespace alignflow
