#include "worker/models/unet/styled_codec.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include "worker/framing/field_of_view.h"

namespace alignflow {
namespace {

double LargestDifference(const at::Tensor& x) { return x.abs().max().item<double>(); }

// Bright pictures of smooth shapes with a black border of 8 pixels.
at::Tensor Pictures(int64_t count, double contrast, const std::vector<double>& colour) {
  at::Tensor x = at::randn({count, 3, 32, 32}).cumsum(-1).cumsum(-2);
  x = contrast * x / x.abs().amax() + 0.02 * at::randn({count, 3, 32, 32});
  x = (x + at::tensor(colour, at::kFloat).view({1, 3, 1, 1})).clamp(-1, 1);
  at::Tensor framed = at::full({count, 3, 48, 48}, -1.0);
  framed.slice(2, 8, 40).slice(3, 8, 40).copy_(x);
  return framed;
}

class StyledCodecTest : public testing::Test {
 protected:
  StyledCodecTest() : codec_(3, 4) {
    at::manual_seed(5);
    source_ = Pictures(12, 0.4, {0.2, 0.0, -0.1});
    references_ = Pictures(12, 0.15, {0.5, 0.3, 0.4});
    codec_.blocks().Fit(source_);
  }
  void Match(uint64_t seed = 1) {
    codec_.MatchMoments(codec_.Encode(source_), references_,
                        at::make_generator<at::CPUGeneratorImpl>(seed));
  }

  StyledCodec codec_;
  at::Tensor source_, references_;
};

TEST_F(StyledCodecTest, IsThePlainCodecUntilItIsMatched) {
  EXPECT_LT(LargestDifference(codec_.Decode(codec_.Encode(source_)) - source_), 1e-5);
}

TEST_F(StyledCodecTest, MatchingBringsColoursAndContrastToTheReferencesAndLeavesTheBorder) {
  Match();
  const at::Tensor styled = codec_.Decode(codec_.Encode(source_));
  const auto inside = [](const at::Tensor& x) { return x.slice(2, 12, 36).slice(3, 12, 36); };
  const auto border = [](const at::Tensor& x) { return x.slice(2, 0, 6); };
  const std::vector<int64_t> all{0, 2, 3};
  EXPECT_LT(LargestDifference(inside(styled).mean(all) - inside(references_).mean(all)), 0.05);
  EXPECT_GT(LargestDifference(inside(source_).mean(all) - inside(references_).mean(all)), 0.3);
  const auto contrast = [&](const at::Tensor& x) {
    return inside(x).std(all, /*unbiased=*/false, /*keepdim=*/false).log();
  };
  EXPECT_LT(LargestDifference(contrast(styled) - contrast(references_)),
            0.2 * LargestDifference(contrast(source_) - contrast(references_)));
  EXPECT_LT(LargestDifference(border(styled) - border(source_)), 0.02);
}

TEST_F(StyledCodecTest, EveryStyleParameterHasAGradientOnceMatched) {
  Match();
  for (const at::Tensor& parameter : codec_.style_parameters()) parameter.requires_grad_(true);
  // The hidden layer's gradient passes the last one, which starts at zero.
  {
    const at::NoGradGuard no_grad;
    codec_.style_parameters()[4].normal_();
  }
  codec_.Decode(codec_.Encode(source_)).square().mean().backward();
  for (const at::Tensor& parameter : codec_.style_parameters()) {
    ASSERT_TRUE(parameter.grad().defined());
    EXPECT_GT(LargestDifference(parameter.grad()), 0);
  }
}

TEST_F(StyledCodecTest, TheSameSeedStartsTheSame) {
  Match(3);
  const std::map<std::string, at::Tensor> state = codec_.state();
  std::map<std::string, at::Tensor> first;
  for (const auto& [name, tensor] : state) first[name] = tensor.clone();
  Match(3);
  for (const auto& [name, tensor] : codec_.state()) EXPECT_TRUE(at::equal(tensor, first[name]));
  Match(4);
  EXPECT_FALSE(
      at::equal(codec_.state().at("style_colour.0.weight"), first["style_colour.0.weight"]));
}

TEST_F(StyledCodecTest, WorksInThreeDimensionsWithOneChannel) {
  StyledCodec codec(1, 2, 3);
  const at::Tensor volumes = at::rand({3, 1, 8, 8, 8});
  codec.blocks().Fit(volumes);
  EXPECT_LT(LargestDifference(codec.Decode(codec.Encode(volumes)) - volumes), 1e-5);
  codec.MatchMoments(codec.Encode(volumes), volumes * 0.5,
                     at::make_generator<at::CPUGeneratorImpl>(1));
  const double mean = codec.Decode(codec.Encode(volumes)).mean().item<double>();
  EXPECT_NEAR(mean, volumes.mean().item<double>() * 0.5, 0.05);
}

}  // namespace
}  // namespace alignflow
