#include "worker/alignment/filter_bank.h"

#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include <cmath>

namespace alignflow {
namespace {

at::Tensor BankImages(int64_t count, int64_t size, uint64_t seed) {
  at::Generator generator = at::detail::createCPUGenerator(seed);
  // Coarse and fine structure, so that every filter sees something.
  const at::Tensor coarse = at::randn({count, 3, size / 4, size / 4}, generator);
  const at::Tensor fine = at::randn({count, 3, size, size}, generator);
  const at::Tensor light = 0.3 * at::randn({count, 1, 1, 1}, generator) - 0.3;
  return (light + 0.3 * at::upsample_bilinear2d(coarse, {size, size}, false) + 0.05 * fine)
      .clamp(-1, 1);
}

FilterBank Fitted(const at::Tensor& images) {
  FilterBank bank;
  bank.Fit(RawFilterBank(images));
  return bank;
}

TEST(FilterBankTest, IsStandardisedOnTheSource) {
  const at::Tensor images = BankImages(200, 32, 1);
  const FilterBank bank = Fitted(images);
  const at::Tensor features = bank.Features(images);
  EXPECT_EQ(features.sizes(), (at::IntArrayRef{200, bank.width()}));
  EXPECT_LT(features.mean(0).abs().max().item<double>(), 0.1);
  EXPECT_GT(features.std(0).min().item<double>(), 0.5);
  EXPECT_LT(features.std(0).max().item<double>(), 1.1);
}

TEST(FilterBankTest, IsBoundedHoweverStrangeTheImage) {
  const FilterBank bank = Fitted(BankImages(50, 32, 1));
  const double bound = 2 * std::sqrt(static_cast<double>(bank.width()));
  at::Tensor checkers = at::ones({1, 3, 32, 32});
  checkers.slice(3, 0, at::nullopt, 2).fill_(-1);
  for (const at::Tensor& image : {at::ones({1, 3, 32, 32}), -at::ones({1, 3, 32, 32}), checkers}) {
    const double norm = bank.Features(image).norm().item<double>();
    EXPECT_LE(norm, bound * 1.0001);
    EXPECT_GT(norm, bound / 2) << "a strange image lies far out";
  }
}

// A style is colour and texture: each must move the features more than the spread of the source.
TEST(FilterBankTest, SeesColourAndGrain) {
  const at::Tensor images = BankImages(50, 32, 1);
  const FilterBank bank = Fitted(images);
  at::Tensor redder = images.clone();
  redder.select(1, 0) += 0.3;
  at::Generator generator = at::detail::createCPUGenerator(9);
  const at::Tensor grainy = images + 0.2 * at::randn(images.sizes(), generator);
  const at::Tensor mean = bank.Features(images).mean(0);
  EXPECT_GT((bank.Features(redder).mean(0) - mean).abs().max().item<double>(), 1);
  EXPECT_GT((bank.Features(grainy).mean(0) - mean).abs().max().item<double>(), 1);
}

TEST(FilterBankTest, GradientsMatchFiniteDifferences) {
  const FilterBank bank = Fitted(BankImages(20, 32, 1));
  const at::Tensor image = BankImages(1, 32, 2).requires_grad_(true);
  at::Generator generator = at::detail::createCPUGenerator(3);
  const at::Tensor weights = at::randn({bank.width()}, generator);
  const auto loss = [&](const at::Tensor& x) { return at::mv(bank.Features(x), weights)[0]; };
  loss(image).backward();
  const at::NoGradGuard no_grad;
  for (int trial = 0; trial < 3; ++trial) {
    const at::Tensor direction = at::randn(image.sizes(), generator);
    constexpr double kStep = 2e-3;  // float32: not too small
    const double slope =
        (loss(image + kStep * direction) - loss(image - kStep * direction)).item<double>() /
        (2 * kStep);
    const double expected = (image.grad() * direction).sum().item<double>();
    EXPECT_NEAR(slope, expected, 0.02 * std::abs(expected) + 0.05);
  }
}

TEST(FilterBankTest, SizesItCannotTakeAreRefused) {
  const FilterBank bank = Fitted(BankImages(4, 32, 1));
  EXPECT_THROW(bank.Features(at::zeros({1, 3, 40, 32})), std::invalid_argument);
  EXPECT_THROW(bank.Features(at::zeros({1, 1, 32, 32})), std::invalid_argument);
  EXPECT_THROW(bank.Features(at::zeros({1, 3, 16, 16})), std::invalid_argument);
  EXPECT_THROW(FilterBank().Fit(RawFilterBank(BankImages(1, 32, 1))), std::invalid_argument);
}

}  // namespace
}  // namespace alignflow
