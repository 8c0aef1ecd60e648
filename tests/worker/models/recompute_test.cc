#include "worker/models/recompute.h"

#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include <memory>

#include "worker/models/scoped_autocast.h"
#include "worker/models/sd35/transformer_block.h"
#include "worker/models/unet/merged_model.h"

namespace alignflow {
namespace {

class RecomputeTest : public testing::Test {
 protected:
  RecomputeTest() { at::manual_seed(3); }

  // A function with a parameter of its own, which counts its calls.
  TensorFunction Function() {
    return [this](const std::vector<at::Tensor>& inputs) {
      ++calls_;
      const at::Tensor h = at::linear(inputs[0], weight_).tanh();
      return std::vector<at::Tensor>{h * inputs[1], h.exp()};
    };
  }
  at::Tensor Loss(const std::vector<at::Tensor>& outputs) {
    return (outputs[0].square() + outputs[1]).sum();
  }

  at::Tensor weight_ = at::randn({5, 5}).requires_grad_(true);
  at::Tensor x_ = at::randn({4, 5}).requires_grad_(true);
  at::Tensor y_ = at::randn({4, 5});
  int calls_ = 0;
};

TEST_F(RecomputeTest, GradientsToInputsAndParametersAreThoseWithoutIt) {
  Loss(Function()({x_, y_})).backward();
  const at::Tensor x_gradient = x_.grad().clone(), weight_gradient = weight_.grad().clone();
  x_.mutable_grad().reset();
  weight_.mutable_grad().reset();
  calls_ = 0;
  const at::Tensor loss = Loss(Recompute(Function(), {x_, y_}));
  EXPECT_EQ(calls_, 1);
  loss.backward();
  EXPECT_EQ(calls_, 2);
  EXPECT_TRUE(at::equal(x_.grad(), x_gradient));
  EXPECT_TRUE(at::equal(weight_.grad(), weight_gradient));
  EXPECT_FALSE(y_.grad().defined());
}

TEST_F(RecomputeTest, AnOutputThatNobodyUsesCostsNoGradient) {
  y_.requires_grad_(true);
  Function()({x_, y_})[1].sum().backward();
  const at::Tensor expected = x_.grad().clone();
  x_.mutable_grad().reset();
  Recompute(Function(), {x_, y_})[1].sum().backward();
  EXPECT_TRUE(at::equal(x_.grad(), expected));
  EXPECT_FALSE(y_.grad().defined()) << "seen by the other output alone";
}

TEST_F(RecomputeTest, WithoutAGraphToKeepItIsCalledOnce) {
  {
    const at::NoGradGuard no_grad;
    EXPECT_FALSE(Recompute(Function(), {x_, y_})[0].requires_grad());
  }
  EXPECT_EQ(calls_, 1);
  // Where only a parameter is trained there is nothing to hang the second pass on.
  Loss(Recompute(Function(), {x_.detach(), y_})).backward();
  EXPECT_EQ(calls_, 2);
  EXPECT_TRUE(weight_.grad().defined());
}

TEST_F(RecomputeTest, TheSecondPassRunsUnderTheAutocastOfTheFirst) {
  const auto gradient = [this](bool recompute) {
    x_.mutable_grad().reset();
    weight_.mutable_grad().reset();
    at::Tensor loss;
    {
      const ScopedAutocast scope(at::kCPU, at::kBFloat16);
      const auto outputs = recompute ? Recompute(Function(), {x_, y_}) : Function()({x_, y_});
      // The same weight once more in the same scope: it must not be found converted without graph.
      loss = Loss(outputs) + at::linear(x_, weight_).sum();
    }
    loss.backward();
    return std::vector<at::Tensor>{x_.grad().clone(), weight_.grad().clone()};
  };
  const std::vector<at::Tensor> expected = gradient(false), ours = gradient(true);
  for (size_t i = 0; i < expected.size(); ++i) {
    EXPECT_TRUE(at::allclose(ours[i], expected[i], 2e-2, 2e-2)) << i;
  }
  Loss(Function()({x_, y_})).backward();
  EXPECT_FALSE(at::equal(ours[0], x_.grad())) << "it was bfloat16";
}

TEST_F(RecomputeTest, AJointBlocksGradientsAreThoseWithoutIt) {
  SD3TransformerConfig config;
  config.num_attention_heads = 2;
  config.attention_head_dim = 8;
  config.rms_qk_norm = true;
  for (const bool text_ends : {false, true}) {
    const auto block = std::make_shared<JointBlock>(config, /*dual=*/true, text_ends, at::kFloat);
    {
      const at::NoGradGuard no_grad;
      for (at::Tensor& parameter : block->parameters()) parameter.normal_(0, 0.2);
    }
    std::vector<at::Tensor> inputs;
    for (const std::vector<int64_t>& shape :
         std::vector<std::vector<int64_t>>{{2, 6, 16}, {2, 3, 16}, {2, 16}}) {
      inputs.push_back(at::randn(shape).requires_grad_(true));
    }
    const auto gradients = [&](bool recompute) {
      for (at::Tensor& input : inputs) input.mutable_grad().reset();
      block->zero_grad();
      const JointTokens tokens{inputs[0], inputs[1]};
      const JointTokens out = recompute ? RecomputedForward(block, tokens, inputs[2])
                                        : block->Forward(tokens, inputs[2]);
      EXPECT_EQ(out.context.defined(), !text_ends);
      at::Tensor loss = out.image.square().sum();
      if (!text_ends) loss = loss + out.context.sin().sum();
      loss.backward();
      std::vector<at::Tensor> all;
      for (const at::Tensor& input : inputs) all.push_back(input.grad().clone());
      for (const at::Tensor& parameter : block->parameters())
        all.push_back(parameter.grad().clone());
      return all;
    };
    const std::vector<at::Tensor> expected = gradients(false), ours = gradients(true);
    for (size_t i = 0; i < expected.size(); ++i) EXPECT_TRUE(at::equal(ours[i], expected[i])) << i;
  }
}

}  // namespace
}  // namespace alignflow
