#include "worker/models/unet/space_to_depth.h"

#include <gtest/gtest.h>

namespace alignflow {
namespace {

// Smooth pictures with a little noise, as a camera gives them.
at::Tensor Pictures(at::IntArrayRef shape) {
  at::manual_seed(3);
  at::Tensor x = at::randn(shape).cumsum(-1).cumsum(-2);
  x = x / x.abs().amax() + 0.02 * at::randn(shape);
  return x.clamp(-1, 1);
}

double Largest(const at::Tensor& x) { return x.abs().max().item<double>(); }

TEST(SpaceToDepthTest, BlocksToChannelsIsPixelUnshuffleInChannelsLastMemory) {
  const at::Tensor x = at::randn({2, 3, 8, 12});
  const at::Tensor y = BlocksToChannels(x, 4);
  EXPECT_TRUE(at::equal(y, at::pixel_unshuffle(x, 4)));
  EXPECT_TRUE(y.is_contiguous(at::MemoryFormat::ChannelsLast));
  EXPECT_TRUE(at::equal(ChannelsToBlocks(y, 4), x));
  EXPECT_THROW(BlocksToChannels(x, 5), std::invalid_argument);
}

TEST(SpaceToDepthTest, DecodeInvertsEncodeBeforeAndAfterFitIn2dAnd3d) {
  for (const int64_t dims : {2, 3}) {
    for (const int64_t block : {2, 4}) {
      const std::vector<int64_t> shape =
          dims == 2 ? std::vector<int64_t>{3, 3, 16, 24} : std::vector<int64_t>{2, 1, 8, 16, 12};
      const at::Tensor x = Pictures(shape);
      SpaceToDepth codec(shape[1], block, dims);
      for (int fitted = 0; fitted < 2; ++fitted) {
        const at::Tensor latent = codec.Encode(x);
        EXPECT_EQ(latent.size(1), codec.latent_channels());
        EXPECT_EQ(latent.size(2) * block, x.size(2));
        EXPECT_EQ(codec.Decode(latent).sizes(), x.sizes());
        EXPECT_LT(Largest(codec.Decode(latent) - x), 1e-5);
        codec.Fit(x);
      }
      // Decode is differentiable, and its gradient is that of a linear map: the same wherever it is
      // taken.
      const at::Tensor latent = codec.Encode(x).detach().requires_grad_();
      codec.Decode(latent).sum().backward();
      EXPECT_GT(Largest(latent.grad()), 0);
    }
  }
}

TEST(SpaceToDepthTest, FitGivesAnOrthonormalBasisAndTheLatentsOwnStatistics) {
  const at::Tensor x = Pictures({16, 3, 32, 32});
  SpaceToDepth codec(3, 4);
  codec.Fit(x);
  const at::Tensor basis = codec.state().at("basis");
  EXPECT_LT(Largest(basis.mm(basis.t()) - at::eye(48)), 1e-5);
  const at::Tensor latent = codec.Encode(x).movedim(1, -1).reshape({-1, 48});
  EXPECT_LT(Largest(latent.mean(0)), 1e-3);
  const at::Tensor deviation = latent.std(0, /*unbiased=*/false);
  EXPECT_LT(Largest(deviation / codec.deviation() - 1), 1e-2);
  EXPECT_NEAR(codec.deviation()[0].item<double>(), 2.5, 1e-4);
  // Uncorrelated, from the strongest to the weakest.
  const at::Tensor correlation = at::corrcoef(latent.t());
  EXPECT_LT(Largest(correlation - at::eye(48)), 1e-2);
  EXPECT_LT((codec.deviation().diff()).max().item<double>(), 1e-6);
}

TEST(SpaceToDepthTest, ADirectionWithoutVarianceIsNotBlownUp) {
  const at::Tensor flat = at::linspace(-1, 1, 8).reshape({8, 1, 1, 1}).expand({8, 3, 8, 8});
  SpaceToDepth codec(3, 2);
  codec.Fit(flat);
  const at::Tensor noisy = flat + 0.004 * at::randn({8, 3, 8, 8});
  EXPECT_LT(Largest(codec.Encode(noisy) - codec.Encode(flat)), 1);
  EXPECT_TRUE(codec.Encode(flat).isfinite().all().item<bool>());
}

TEST(SpaceToDepthTest, FitIsReproducible) {
  const at::Tensor x = Pictures({4, 3, 16, 16});
  SpaceToDepth first(3, 4), second(3, 4);
  first.Fit(x);
  second.Fit(x);
  for (const auto& [name, tensor] : first.state()) {
    EXPECT_TRUE(at::equal(tensor, second.state().at(name))) << name;
  }
}

TEST(SpaceToDepthTest, RefusesWhatItCannotEncode) {
  SpaceToDepth codec(3, 4);
  EXPECT_THROW(codec.Encode(at::zeros({1, 3, 10, 8})), std::invalid_argument);
  EXPECT_THROW(codec.Encode(at::zeros({1, 1, 8, 8})), std::invalid_argument);
  EXPECT_THROW(codec.Encode(at::zeros({1, 3, 8})), std::invalid_argument);
  EXPECT_THROW(codec.Decode(at::zeros({1, 3, 8, 8})), std::invalid_argument);
  EXPECT_THROW(codec.Fit(at::zeros({0, 3, 8, 8})), std::invalid_argument);
  EXPECT_THROW(SpaceToDepth(3, 0), std::invalid_argument);
}

}  // namespace
}  // namespace alignflow
