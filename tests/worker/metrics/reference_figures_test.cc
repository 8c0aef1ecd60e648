#include <gtest/gtest.h>

#include "tests/worker/models/reference_fixture.h"
#include "worker/metrics/distribution.h"
#include "worker/metrics/image_quality.h"
#include "worker/metrics/kernel_distance.h"
#include "worker/metrics/manifold.h"

namespace alignflow {
namespace {

// Against torch-fidelity, scikit-image and the papers' definitions, on the same numbers.
class ReferenceFiguresTest : public ::testing::Test {
 protected:
  ReferenceFixture reference_{"figures/figures"};
  at::Tensor x_ = reference_.Get("x"), y_ = reference_.Get("y");
};

TEST_F(ReferenceFiguresTest, FrechetDistanceIsThatOfTorchFidelity) {
  const double fid = reference_.Number("fid");
  EXPECT_NEAR(FrechetDistance(x_, y_), fid, 1e-5 * fid);
}

TEST_F(ReferenceFiguresTest, FrechetDistanceOfFewImagesWithManyFeaturesIsThatOfTorchFidelity) {
  const double fid = reference_.Number("wide_fid");
  EXPECT_NEAR(FrechetDistance(reference_.Get("wide_x"), reference_.Get("wide_y")), fid, 1e-4 * fid);
}

TEST_F(ReferenceFiguresTest, KernelDistanceIsThatOfTorchFidelity) {
  const double kid = reference_.Number("kid");
  const KernelDistance distance(x_.slice(0, 0, 30), y_);
  EXPECT_NEAR(distance.Value(), kid, 1e-5 * kid);
  EXPECT_NEAR(distance.OverSubsets(1, 30, at::detail::createCPUGenerator(1)).mean, kid, 1e-5 * kid);
}

TEST_F(ReferenceFiguresTest, PrecisionAndRecallAreThoseOfTorchFidelity) {
  const ManifoldFigures figures = CompareManifolds(x_, y_);
  EXPECT_NEAR(figures.precision.mean().item<double>(), reference_.Number("precision"), 1e-6);
  EXPECT_NEAR(figures.recall.mean().item<double>(), reference_.Number("recall"), 1e-6);
}

TEST_F(ReferenceFiguresTest, DensityAndCoverageAreThoseOfThePaper) {
  const ManifoldFigures figures = CompareManifolds(x_, y_);
  EXPECT_NEAR(figures.density.mean().item<double>(), reference_.Number("density"), 1e-9);
  EXPECT_NEAR(figures.coverage.mean().item<double>(), reference_.Number("coverage"), 1e-9);
}

TEST_F(ReferenceFiguresTest, VendiScoreIsThatOfThePaper) {
  const double vendi = reference_.Number("vendi");
  EXPECT_NEAR(VendiScore(x_), vendi, 1e-6 * vendi);
}

TEST_F(ReferenceFiguresTest, SimilarityAndNoiseAreThoseOfScikitImage) {
  const at::Tensor a = reference_.Get("a"), b = reference_.Get("b");
  EXPECT_LT(RelativeError(StructuralSimilarity(a, b).to(at::kFloat), reference_.Get("ssim")), 1e-5);
  EXPECT_LT(RelativeError(PeakSignalToNoise(a, b).to(at::kFloat), reference_.Get("psnr")), 1e-6);
}

}  // namespace
}  // namespace alignflow
