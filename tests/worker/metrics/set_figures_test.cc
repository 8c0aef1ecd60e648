#include <gtest/gtest.h>

#include "worker/metrics/distribution.h"
#include "worker/metrics/image_quality.h"
#include "worker/metrics/manifold.h"
#include "worker/metrics/tsne.h"

namespace alignflow {
namespace {

at::Tensor NormalSet(int64_t rows, int64_t width, uint64_t seed) {
  return at::randn({rows, width}, at::detail::createCPUGenerator(seed), at::kDouble);
}

TEST(VendiScoreTest, CountsHowManyDifferentMembersThereAre) {
  const at::Tensor one = at::ones({7, 3}, at::kDouble);
  EXPECT_NEAR(VendiScore(one), 1, 1e-9);
  EXPECT_NEAR(VendiScore(at::eye(5, at::kDouble).repeat({4, 1})), 5, 1e-9);
}

TEST(ManifoldTest, ACollapsedSetHasPrecisionAndNoRecall) {
  const at::Tensor real = NormalSet(60, 3, 1);
  const at::Tensor collapsed = real.slice(0, 0, 1).expand({30, 3}) + 1e-6 * NormalSet(30, 3, 2);
  const ManifoldFigures figures = CompareManifolds(collapsed, real);
  EXPECT_EQ(figures.precision.mean().item<double>(), 1);
  EXPECT_LT(figures.recall.mean().item<double>(), 0.05);
  EXPECT_LT(figures.coverage.mean().item<double>(), 0.5);
}

TEST(ManifoldTest, FarImagesHaveNeither) {
  const ManifoldFigures figures = CompareManifolds(NormalSet(30, 3, 1) + 100, NormalSet(30, 3, 2));
  EXPECT_EQ(figures.precision.sum().item<double>(), 0);
  EXPECT_EQ(figures.recall.sum().item<double>(), 0);
  EXPECT_EQ(figures.density.sum().item<double>(), 0);
  EXPECT_EQ(figures.coverage.sum().item<double>(), 0);
  EXPECT_THROW(CompareManifolds(NormalSet(5, 3, 1), NormalSet(30, 3, 2)), std::invalid_argument);
}

TEST(ImageQualityTest, EqualImagesAreAsLikeAsCanBe) {
  const at::Tensor image =
      at::randint(0, 256, {2, 3, 16, 20}, at::detail::createCPUGenerator(1), at::kByte);
  EXPECT_NEAR(StructuralSimilarity(image, image).min().item<double>(), 1, 1e-12);
  EXPECT_EQ(PeakSignalToNoise(image, image).min().item<double>(), 100);
  EXPECT_LT(StructuralSimilarity(image, 255 - image).max().item<double>(), 0);
}

TEST(TsneTest, ClustersStayApartAndTheSamePictureComesAgain) {
  const at::Tensor far = at::zeros({1, 10}, at::kDouble);
  far[0][0] = 8;
  const at::Tensor points = at::cat({NormalSet(40, 10, 1), NormalSet(40, 10, 2) + far});
  const at::Tensor places = EmbedInPlane(points, 15);
  ASSERT_TRUE(places.isfinite().all().item<bool>());
  EXPECT_TRUE(places.equal(EmbedInPlane(points, 15)));
  // Each point's nearest neighbour in the plane is of its own cluster.
  at::Tensor distance = at::cdist(places, places);
  distance.fill_diagonal_(INFINITY);
  const at::Tensor nearest = distance.argmin(1);
  const at::Tensor of_second = nearest.ge(40);
  EXPECT_EQ(of_second.slice(0, 0, 40).sum().item<int64_t>(), 0);
  EXPECT_EQ(of_second.slice(0, 40).sum().item<int64_t>(), 40);
}

}  // namespace
}  // namespace alignflow
