#include "worker/models/fused_linear.h"

#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include "worker/models/unet/merged_model.h"

namespace alignflow {
namespace {

class FusedLinearTest : public testing::Test {
 protected:
  FusedLinearTest()
      : linear_(owner_, {{"q"}, {"k", /*bias=*/false}, {"v"}}, /*in=*/3, /*out=*/4, at::kFloat) {
    at::manual_seed(1);
    const at::NoGradGuard no_grad;
    for (const auto& [name, tensor] : StateOf(owner_)) tensor.normal_();
    x_ = at::randn({2, 5, 3});
  }

  // The three layers by themselves.
  at::Tensor Expected() const {
    const auto state = StateOf(owner_);
    return at::cat({at::linear(x_, state.at("q.weight"), state.at("q.bias")),
                    at::linear(x_, state.at("k.weight")),
                    at::linear(x_, state.at("v.weight"), state.at("v.bias"))},
                   -1);
  }
  void ExpectEqual() const {
    EXPECT_TRUE(at::allclose(linear_.Forward(x_), Expected(), 1e-5, 1e-6));
  }

  torch::nn::Module owner_;
  FusedLinear linear_;
  at::Tensor x_;
};

TEST_F(FusedLinearTest, PartsKeepTheirNames) {
  std::vector<std::string> names;
  for (const auto& [name, tensor] : StateOf(owner_)) names.push_back(name);
  EXPECT_EQ(names,
            (std::vector<std::string>{"k.weight", "q.bias", "q.weight", "v.bias", "v.weight"}));
}

TEST_F(FusedLinearTest, JoinedWeightsAreTheParts) {
  ExpectEqual();  // with gradients
  const at::NoGradGuard no_grad;
  ExpectEqual();
  StateOf(owner_).at("v.weight").mul_(2);  // as an optimizer writes
  StateOf(owner_).at("q.bias").add_(1);
  ExpectEqual();
}

TEST_F(FusedLinearTest, GradientsReachTheParts) {
  linear_.Forward(x_).square().sum().backward();
  std::map<std::string, at::Tensor> ours;
  for (const auto& [name, tensor] : StateOf(owner_)) ours[name] = tensor.grad().clone();
  owner_.zero_grad();
  Expected().square().sum().backward();
  for (const auto& [name, tensor] : StateOf(owner_)) {
    EXPECT_TRUE(at::allclose(ours.at(name), tensor.grad(), 1e-4, 1e-5)) << name;
  }
}

TEST_F(FusedLinearTest, OnePartMayTrainAlone) {
  for (const auto& [name, tensor] : StateOf(owner_)) tensor.requires_grad_(name == "v.bias");
  linear_.Forward(x_).sum().backward();
  EXPECT_TRUE(at::allclose(StateOf(owner_).at("v.bias").grad(), at::full({4}, 10.0)));
}

TEST_F(FusedLinearTest, PartsThatMovedAreFollowed) {
  owner_.to(at::kDouble);
  x_ = x_.to(at::kDouble);
  const at::NoGradGuard no_grad;
  StateOf(owner_).at("k.weight").mul_(3);
  ExpectEqual();
}

}  // namespace
}  // namespace alignflow
