#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include "tests/worker/models/reference_fixture.h"
#include "worker/models/inception/inception_v3.h"
#include "worker/models/lpips/lpips.h"

namespace alignflow {
namespace {

using Weights = std::map<std::string, at::Tensor>;

// As random_weights of tests/reference/make_figure_fixtures.py draws them.
Weights RandomWeights(const std::map<std::string, std::vector<int64_t>>& shapes) {
  Weights weights;
  uint64_t seed = 1000;
  for (const auto& [name, shape] : shapes) {
    at::Tensor numbers = at::rand(shape, at::detail::createCPUGenerator(seed++));
    if (name.ends_with("running_var") || name.ends_with("bn.weight")) {
      numbers += 0.5;
    } else if (shape.size() == 4 && !name.starts_with("lin")) {
      numbers = (numbers * 2 - 1) * std::sqrt(6.0 / static_cast<double>(numbers[0].numel()));
    } else if (!name.starts_with("lin")) {
      numbers = (numbers - 0.5) * 0.2;
    }
    weights[name] = numbers;
  }
  return weights;
}

at::Tensor Images(const at::Tensor& bytes) { return bytes.to(at::kFloat) / 127.5 - 1; }

Weights LpipsWeights() {
  std::map<std::string, std::vector<int64_t>> shapes;
  const auto add = [&](const std::string& name, const std::vector<int64_t>& shape, int lin) {
    shapes[name + ".weight"] = shape;
    shapes[name + ".bias"] = {shape[0]};
    shapes["lin" + std::to_string(lin) + ".weight"] = {1, shape[0], 1, 1};
  };
  add("features.0", {64, 3, 11, 11}, 0);
  add("features.3", {192, 64, 5, 5}, 1);
  add("features.6", {384, 192, 3, 3}, 2);
  add("features.8", {256, 384, 3, 3}, 3);
  add("features.10", {256, 256, 3, 3}, 4);
  return RandomWeights(shapes);
}

TEST(InceptionTest, ItsFeaturesAreThoseOfTorchFidelity) {
  const at::NoGradGuard no_grad;
  const ReferenceFixture reference("figures/figures");
  const NamesAndShapes names = ReferenceNames("figures/inception.names");
  const InceptionV3 net(RandomWeights(names.shapes));
  const at::Tensor features = net.Features(Images(reference.Get("a").slice(0, 0, 2)));
  EXPECT_LT(RelativeError(features, reference.Get("inception.features")), 1e-4);
  EXPECT_GT((features[0] - features[1]).abs().max().item<double>(), 0.01);
}

TEST(InceptionTest, ResizesAsTensorFlow1) {
  const ReferenceFixture reference("figures/figures");
  const at::Tensor image = reference.Get("a").slice(0, 0, 1).slice(1, 0, 1).to(at::kFloat);
  EXPECT_LT(RelativeError(ResizeLikeTensorFlow1(image, 40), reference.Get("inception.resized")),
            1e-6);
}

TEST(InceptionTest, AMissingOrMisshapenLayerIsRefusedWhenItIsRead) {
  const NamesAndShapes names = ReferenceNames("figures/inception.names");
  Weights weights = RandomWeights(names.shapes);
  const at::Tensor last = weights.at("Mixed_7c.branch_pool.conv.weight");
  weights["Mixed_7c.branch_pool.conv.weight"] = last.slice(1, 0, 100);
  EXPECT_THROW(InceptionV3{weights}, std::runtime_error);
  weights.erase("Mixed_7c.branch_pool.conv.weight");
  EXPECT_THROW(InceptionV3{weights}, std::runtime_error);
}

TEST(LpipsTest, ItIsThatOfTorchmetrics) {
  const at::NoGradGuard no_grad;
  const ReferenceFixture reference("figures/figures");
  const Lpips net(LpipsWeights());
  const at::Tensor a = Images(reference.Get("a")), b = Images(reference.Get("b"));
  const at::Tensor distance = net.Distance(a, b);
  EXPECT_LT(RelativeError(distance, reference.Get("lpips")), 1e-4);
  EXPECT_LT(distance[0].item<double>(), distance[2].item<double>()) << "more noise is further";
  EXPECT_EQ(net.Distance(a, a).abs().max().item<double>(), 0);
}

TEST(LpipsTest, AMissingTensorIsNamed) {
  Weights weights = LpipsWeights();
  weights.erase("lin3.weight");
  try {
    const Lpips net(weights);
    FAIL() << "accepted";
  } catch (const std::runtime_error& error) {
    EXPECT_NE(std::string(error.what()).find("lin3.weight"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace alignflow
