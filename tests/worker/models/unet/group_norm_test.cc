#include "worker/models/unet/group_norm.h"

#include <gtest/gtest.h>
#include <torch/autograd.h>

#include "worker/models/unet/convolution.h"

namespace alignflow {
namespace {

struct Problem {
  at::Tensor x, shift, weight, bias, probe;
  int64_t groups;
};

Problem MakeProblem(at::IntArrayRef shape, int64_t groups) {
  at::manual_seed(7);
  const int64_t channels = shape[1];
  Problem p;
  // A large mean beside a small deviation: where a sum of squares alone would lose the variance.
  p.x = (at::randn(shape) * 0.3 + 40).contiguous(ChannelsLast(shape.size() - 2));
  p.shift = at::randn({shape[0], channels});
  p.weight = at::randn({channels}) + 1;
  p.bias = at::randn({channels});
  p.probe = at::randn(shape);
  p.groups = groups;
  for (at::Tensor* leaf : {&p.x, &p.shift, &p.weight, &p.bias}) leaf->requires_grad_();
  return p;
}

at::Tensor Expand(const at::Tensor& shift, int64_t dim) {
  std::vector<int64_t> shape(dim, 1);
  shape[0] = shift.size(0);
  shape[1] = shift.size(1);
  return shift.reshape(shape);
}

// The same in double precision by ATen's operations.
at::Tensor Expected(const Problem& p, bool shifted, Activation act) {
  at::Tensor x = p.x.to(at::kDouble);
  if (shifted) x = x + Expand(p.shift.to(at::kDouble), x.dim());
  const at::Tensor y = at::group_norm(x.contiguous(), p.groups, p.weight.to(at::kDouble),
                                      p.bias.to(at::kDouble), 1e-6);
  return act == Activation::kSilu ? at::silu(y) : y;
}

void ExpectClose(const at::Tensor& ours, const at::Tensor& expected, double tolerance) {
  ASSERT_TRUE(ours.defined());
  const double error =
      ((ours.to(at::kDouble) - expected).abs().max() / expected.abs().max()).item<double>();
  EXPECT_LT(error, tolerance);
}

void Check(at::IntArrayRef shape, int64_t groups, bool shifted, Activation act,
           double tolerance = 1e-4) {
  SCOPED_TRACE(c10::str(shape, " shifted ", shifted, " silu ", act == Activation::kSilu));
  const Problem p = MakeProblem(shape, groups);
  const at::Tensor y =
      FusedGroupNorm(p.x, shifted ? p.shift : at::Tensor(), p.weight, p.bias, p.groups, 1e-6, act);
  const at::Tensor expected = Expected(p, shifted, act);
  ExpectClose(y.detach(), expected.detach(), tolerance);
  std::vector<at::Tensor> leaves = {p.x, p.weight, p.bias};
  if (shifted) leaves.push_back(p.shift);
  const auto ours = torch::autograd::grad({(y * p.probe).sum()}, leaves);
  const auto truth = torch::autograd::grad({(expected * p.probe).sum()}, leaves);
  for (size_t i = 0; i < leaves.size(); ++i) ExpectClose(ours[i], truth[i], 10 * tolerance);
}

TEST(GroupNormTest, AgreesWithDoublePrecisionForwardAndBackward) {
  for (const bool shifted : {false, true}) {
    for (const Activation act : {Activation::kNone, Activation::kSilu}) {
      Check({3, 32, 17, 9}, 8, shifted, act);     // the kernel, rows not a multiple of anything
      Check({1, 16, 64, 64}, 4, shifted, act);    // fewer samples than threads, several blocks
      Check({2, 48, 3, 4, 5}, 16, shifted, act);  // three dimensions
      // No multiple of 16: ATen, whose sums of squares keep fewer digits.
      Check({2, 24, 5, 5}, 4, shifted, act, 1e-2);
    }
  }
}

TEST(GroupNormTest, TakesContiguousInputAsWell) {
  const Problem p = MakeProblem({2, 16, 6, 6}, 4);
  const at::Tensor y =
      FusedGroupNorm(p.x.contiguous(), {}, p.weight, p.bias, 4, 1e-6, Activation::kSilu);
  ExpectClose(y.detach(), Expected(p, false, Activation::kSilu).detach(), 1e-4);
}

TEST(GroupNormTest, Bfloat16StaysWithinItsPrecision) {
  const Problem p = MakeProblem({2, 32, 8, 8}, 8);
  const at::Tensor x = (p.x.detach() - 40).to(at::kBFloat16).requires_grad_();
  const at::Tensor y = FusedGroupNorm(x, p.shift, p.weight, p.bias, 8, 1e-6, Activation::kSilu);
  EXPECT_EQ(y.scalar_type(), at::kBFloat16);
  const at::Tensor wide = x.detach().to(at::kDouble).requires_grad_();
  const at::Tensor expected =
      at::silu(at::group_norm((wide + Expand(p.shift.to(at::kDouble), 4)).contiguous(), 8,
                              p.weight.to(at::kDouble), p.bias.to(at::kDouble), 1e-6));
  ExpectClose(y.detach(), expected.detach(), 1e-2);
  ExpectClose(torch::autograd::grad({(y * p.probe).sum()}, {x})[0],
              torch::autograd::grad({(expected * p.probe).sum()}, {wide})[0], 2e-2);
}

TEST(GroupNormTest, ExtremeActivationsSaturateAndNanStaysNan) {
  at::Tensor x = at::zeros({1, 16, 1, 2}).contiguous(at::MemoryFormat::ChannelsLast);
  x.select(3, 1).fill_(1);
  const auto run = [&](double weight) {
    return FusedGroupNorm(x, {}, at::full({16}, weight), at::zeros({16}), 1, 1e-6,
                          Activation::kSilu);
  };
  const at::Tensor y = run(1e4);  // normalized to -1 and 1, then to -1e4 and 1e4
  EXPECT_NEAR(y[0][0][0][0].item<double>(), 0, 1e-6);
  EXPECT_NEAR(y[0][0][0][1].item<double>(), 1e4, 1);
  x[0][3][0][0] = std::nan("");
  EXPECT_TRUE(run(1).isnan().any().item<bool>());
}

TEST(GroupNormTest, ResultDoesNotDependOnTheNumberOfThreads) {
  const int before = at::get_num_threads();
  std::vector<at::Tensor> results, gradients;
  for (const int threads : {1, 2, 3}) {
    at::set_num_threads(threads);
    const Problem p = MakeProblem({2, 32, 40, 40}, 8);
    const at::Tensor y = FusedGroupNorm(p.x, p.shift, p.weight, p.bias, 8, 1e-6, Activation::kSilu);
    results.push_back(y.detach());
    gradients.push_back(torch::autograd::grad({(y * p.probe).sum()}, {p.x})[0]);
  }
  at::set_num_threads(before);
  for (size_t i = 1; i < results.size(); ++i) {
    EXPECT_TRUE(at::equal(results[0], results[i]));
    EXPECT_TRUE(at::equal(gradients[0], gradients[i]));
  }
}

}  // namespace
}  // namespace alignflow
