#include "worker/flow/coupling.h"

#include <ATen/CPUGeneratorImpl.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <stdexcept>

namespace alignflow {
namespace {

at::Tensor Drawn(uint64_t seed, at::IntArrayRef shape) {
  return at::randn(shape, at::make_generator<at::CPUGeneratorImpl>(seed));
}

double SquaredDistances(const at::Tensor& x, const at::Tensor& y) {
  return (x - y).to(at::kDouble).square().sum().item<double>();
}

// The row of `noise` that each row of `coupled` is.
std::vector<int64_t> OrderOf(const at::Tensor& coupled, const at::Tensor& noise) {
  std::vector<int64_t> order;
  for (int64_t i = 0; i < coupled.size(0); ++i) {
    for (int64_t j = 0; j < noise.size(0); ++j) {
      if (at::equal(coupled[i], noise[j])) order.push_back(j);
    }
  }
  return order;
}

TEST(CouplingTest, IndependentNoiseStaysWhereItWasDrawn) {
  const at::Tensor data = Drawn(1, {4, 2, 3}), noise = Drawn(2, {4, 2, 3});
  EXPECT_TRUE(at::equal(Coupled(CouplingNamed("independent"), data, noise), noise));
}

TEST(CouplingTest, TransportOrdersTheNoiseByTheLeastSumOfSquares) {
  const at::Tensor data = Drawn(1, {5, 2, 3}), noise = Drawn(2, {5, 2, 3});
  const at::Tensor coupled = Coupled(Coupling::kOptimalTransport, data, noise);
  std::vector<int64_t> order = OrderOf(coupled, noise);
  std::ranges::sort(order);
  EXPECT_EQ(order, (std::vector<int64_t>{0, 1, 2, 3, 4})) << "each once";
  std::vector<int64_t> tried = order;
  do {
    EXPECT_LE(SquaredDistances(data, coupled) - 1e-9,
              SquaredDistances(data, noise.index_select(0, at::tensor(tried, at::kLong))));
  } while (std::next_permutation(tried.begin(), tried.end()));
}

TEST(CouplingTest, OnALineTheOrdersAreTheSame) {
  const at::Tensor data = at::tensor({3.0, -1.0, 0.5, 9.0}).view({4, 1});
  const at::Tensor noise = at::tensor({0.1, 0.4, 0.2, 0.3}).view({4, 1});
  EXPECT_TRUE(at::allclose(Coupled(Coupling::kOptimalTransport, data, noise),
                           at::tensor({0.3, 0.1, 0.2, 0.4}).view({4, 1})));
}

TEST(CouplingTest, NoiseIsExchangedWithinAConditionAlone) {
  const at::Tensor data = at::tensor({3.0, -1.0, 0.5, 9.0}).view({4, 1});
  const at::Tensor noise = at::tensor({0.1, 0.4, 0.2, 0.3}).view({4, 1});
  const at::Tensor coupled = Coupled(Coupling::kOptimalTransport, data, noise, {7, 7, 8, 7});
  EXPECT_TRUE(at::allclose(coupled, at::tensor({0.3, 0.1, 0.2, 0.4}).view({4, 1})));
  const at::Tensor apart = Coupled(Coupling::kOptimalTransport, data, noise, {1, 2, 3, 4});
  EXPECT_TRUE(at::equal(apart, noise));
}

TEST(CouplingTest, RowsAreEqualWhereAllOfTheirPartsAre) {
  const at::Tensor masks = at::tensor({1, 0, 1, 1}).view({4, 1});
  const at::Tensor prompts = at::tensor({2.0, 2.0, 2.0, 5.0}).view({4, 1});
  EXPECT_EQ(EqualRows({masks, prompts, {}}), (std::vector<int64_t>{0, 1, 0, 3}));
  EXPECT_EQ(EqualRows({masks}), (std::vector<int64_t>{0, 1, 0, 0}));
  EXPECT_TRUE(EqualRows({{}, {}}).empty()) << "without a condition all are alike";
  EXPECT_THROW(EqualRows({masks, at::zeros({3})}), std::invalid_argument);
}

TEST(CouplingTest, RefusesWhatDoesNotBelongTogether) {
  const at::Tensor data = Drawn(1, {4, 2});
  EXPECT_THROW(Coupled(Coupling::kOptimalTransport, data, Drawn(2, {3, 2})), std::invalid_argument);
  EXPECT_THROW(Coupled(Coupling::kOptimalTransport, data, Drawn(2, {4, 2}), {1, 2}),
               std::invalid_argument);
  EXPECT_THROW(CouplingNamed("sinkhorn"), std::invalid_argument);
}

}  // namespace
}  // namespace alignflow
