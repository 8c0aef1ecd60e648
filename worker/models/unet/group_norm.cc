#include "worker/models/unet/group_norm.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>

#include "worker/models/unet/convolution.h"
#include "worker/models/unet/group_norm_kernels.h"

namespace alignflow {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Variable;
using torch::autograd::variable_list;

// Work is cut into blocks of rows that fit the first-level cache. Sums are kept per block and added
// in the blocks' order, so that the result does not depend on how many threads there are.
constexpr int64_t kBlockElements = 8192;

struct Geometry {
  int64_t samples, rows, channels, groups;
  int64_t block_rows, blocks;

  Geometry(const at::Tensor& x, int64_t groups_)
      : samples(x.size(0)),
        rows(x.numel() / (x.size(0) * x.size(1))),
        channels(x.size(1)),
        groups(groups_),
        block_rows(std::max<int64_t>(1, kBlockElements / channels)),
        blocks((rows + block_rows - 1) / block_rows) {}
  int64_t RowsOf(int64_t block) const { return std::min(block_rows, rows - block * block_rows); }
  int64_t Offset(int64_t sample, int64_t block) const {
    return (sample * rows + block * block_rows) * channels;
  }
};

// first(sample, block), then middle(sample), then last(sample, block). Whole samples per thread
// while there are enough of them: a sample then stays in the second-level cache from the first
// stage to the last.
template <typename First, typename Middle, typename Last>
void RunStages(const Geometry& g, const First& first, const Middle& middle, const Last& last) {
  if (g.samples >= at::get_num_threads()) {
    at::parallel_for(0, g.samples, 1, [&](int64_t begin, int64_t end) {
      for (int64_t n = begin; n < end; ++n) {
        for (int64_t k = 0; k < g.blocks; ++k) first(n, k);
        middle(n);
        for (int64_t k = 0; k < g.blocks; ++k) last(n, k);
      }
    });
    return;
  }
  const auto all_blocks = [&](const auto& stage) {
    at::parallel_for(0, g.samples * g.blocks, 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) stage(i / g.blocks, i % g.blocks);
    });
  };
  all_blocks(first);
  for (int64_t n = 0; n < g.samples; ++n) middle(n);
  all_blocks(last);
}

at::Tensor Floats(at::IntArrayRef shape) { return at::empty(shape, at::kFloat); }

// All [N,C] float32: the normalized value is h = r x + m, and its mean over a channel is mean_h.
struct Normalization {
  at::Tensor r, m, mean_h;
};

template <typename T>
at::Tensor Forward(const at::Tensor& x, const float* shift, const at::Tensor& weight,
                   const at::Tensor& bias, int64_t groups, double eps, bool silu,
                   Normalization& norm) {
  const Geometry g(x, groups);
  const int64_t width = g.channels / groups;
  at::Tensor y = at::empty_like(x);
  for (at::Tensor* part : {&norm.r, &norm.m, &norm.mean_h}) *part = Floats({g.samples, g.channels});
  // Per sample: the pivots, then factor and offset of the last stage. Per block: sum and sum of
  // squares.
  at::Tensor coefficients = Floats({g.samples, 3, g.channels});
  at::Tensor partial = at::zeros({g.samples, g.blocks, 2, g.channels}, at::kFloat);
  const auto* px = x.const_data_ptr<T>();
  auto* py = y.mutable_data_ptr<T>();
  float* pc = coefficients.mutable_data_ptr<float>();
  float* pp = partial.mutable_data_ptr<float>();
  float* pr = norm.r.mutable_data_ptr<float>();
  float* pm = norm.m.mutable_data_ptr<float>();
  float* ph = norm.mean_h.mutable_data_ptr<float>();
  const float* pw = weight.const_data_ptr<float>();
  const float* pb = bias.const_data_ptr<float>();
  for (int64_t n = 0; n < g.samples; ++n) {
    for (int64_t c = 0; c < g.channels; ++c) {
      pc[n * 3 * g.channels + c] = static_cast<float>(px[g.Offset(n, 0) + c]);
    }
  }
  const auto& kernels = ChosenGroupNormKernels<T>();
  const auto moments = [&](int64_t n, int64_t k) {
    float* sums = pp + (n * g.blocks + k) * 2 * g.channels;
    kernels.moments(px + g.Offset(n, k), g.RowsOf(k), g.channels, pc + n * 3 * g.channels, sums,
                    sums + g.channels);
  };
  const auto coefficients_of = [&](int64_t n) {
    const float* pivot = pc + n * 3 * g.channels;
    float* a = pc + n * 3 * g.channels + g.channels;
    float* b = a + g.channels;
    for (int64_t group = 0; group < groups; ++group) {
      // Channel means and within-channel squares, combined over the group.
      double mean = 0, squares = 0, mean_squares = 0;
      for (int64_t c = group * width; c < (group + 1) * width; ++c) {
        double sum = 0, square = 0;
        for (int64_t k = 0; k < g.blocks; ++k) {
          const float* sums = pp + (n * g.blocks + k) * 2 * g.channels;
          sum += sums[c];
          square += sums[g.channels + c];
        }
        const double delta = sum / g.rows;
        const double value = delta + pivot[c] + (shift ? shift[n * g.channels + c] : 0.0f);
        squares += square - sum * delta;
        ph[n * g.channels + c] = static_cast<float>(value);
        mean += value;
        mean_squares += value * value;
      }
      mean /= width;
      const double variance = squares / (g.rows * width) + mean_squares / width - mean * mean;
      const double rstd = 1.0 / std::sqrt(std::max(variance, 0.0) + eps);
      for (int64_t c = group * width; c < (group + 1) * width; ++c) {
        const int64_t i = n * g.channels + c;
        const double offset = (shift ? shift[i] : 0.0f) - mean;
        pr[i] = static_cast<float>(rstd);
        pm[i] = static_cast<float>(rstd * offset);
        ph[i] = static_cast<float>(rstd * (ph[i] - mean));
        a[c] = static_cast<float>(rstd * pw[c]);
        b[c] = static_cast<float>(rstd * offset * pw[c] + pb[c]);
      }
    }
  };
  const auto apply = [&](int64_t n, int64_t k) {
    const float* a = pc + n * 3 * g.channels + g.channels;
    kernels.apply(px + g.Offset(n, k), py + g.Offset(n, k), g.RowsOf(k), g.channels, a,
                  a + g.channels, silu);
  };
  RunStages(g, moments, coefficients_of, apply);
  return y;
}

// Gradients for x, shift (if wanted), weight and bias.
// With dz the gradient at act's input, h the normalized value, M the group's size and sums over the
// group:
//   dx = r (w dz - sum(w dz) / M - h sum(w dz h) / M)
template <typename T>
variable_list Backward(const at::Tensor& x, const at::Tensor& dy, const at::Tensor& weight,
                       const at::Tensor& bias, int64_t groups, bool silu, const Normalization& norm,
                       bool shift_gradient) {
  const Geometry g(x, groups);
  const int64_t width = g.channels / groups;
  at::Tensor dx = at::empty_like(x);
  at::Tensor partial = at::zeros({g.samples, g.blocks, 2, g.channels}, at::kFloat);
  at::Tensor sums = Floats({g.samples, 2, g.channels});  // of dz and dz h
  at::Tensor coefficients = Floats({g.samples, 3, g.channels});
  at::Tensor dshift = shift_gradient ? Floats({g.samples, g.channels}) : at::Tensor();
  const auto* px = x.const_data_ptr<T>();
  const auto* pdy = dy.const_data_ptr<T>();
  auto* pdx = dx.mutable_data_ptr<T>();
  float* pp = partial.mutable_data_ptr<float>();
  float* ps = sums.mutable_data_ptr<float>();
  float* pc = coefficients.mutable_data_ptr<float>();
  float* pds = shift_gradient ? dshift.mutable_data_ptr<float>() : nullptr;
  const float* ph = norm.mean_h.const_data_ptr<float>();
  const float* pr = norm.r.const_data_ptr<float>();
  const float* pm = norm.m.const_data_ptr<float>();
  const float* pw = weight.const_data_ptr<float>();
  const float* pb = bias.const_data_ptr<float>();
  const auto& kernels = ChosenGroupNormKernels<T>();
  const auto moments = [&](int64_t n, int64_t k) {
    float* p = pp + (n * g.blocks + k) * 2 * g.channels;
    const int64_t at = g.Offset(n, k), c = n * g.channels;
    kernels.backward_moments(px + at, pdy + at, pdx + at, g.RowsOf(k), g.channels, pr + c, pm + c,
                             pw, pb, silu, p, p + g.channels);
  };
  const auto coefficients_of = [&](int64_t n) {
    float* sum = ps + n * 2 * g.channels;
    float* product = sum + g.channels;
    for (int64_t c = 0; c < g.channels; ++c) {
      double a = 0, b = 0;
      for (int64_t k = 0; k < g.blocks; ++k) {
        a += pp[(n * g.blocks + k) * 2 * g.channels + c];
        b += pp[(n * g.blocks + k) * 2 * g.channels + g.channels + c];
      }
      sum[c] = static_cast<float>(a);
      product[c] = static_cast<float>(b);
    }
    for (int64_t group = 0; group < groups; ++group) {
      double first = 0, second = 0;
      for (int64_t c = group * width; c < (group + 1) * width; ++c) {
        first += double{pw[c]} * sum[c];
        second += double{pw[c]} * product[c];
      }
      first /= g.rows * width;
      second /= g.rows * width;
      for (int64_t c = group * width; c < (group + 1) * width; ++c) {
        const int64_t i = n * g.channels + c;
        const double r = pr[i], m = pm[i];
        float* p = pc + n * 3 * g.channels + c;
        p[0] = static_cast<float>(r * pw[c]);
        p[g.channels] = static_cast<float>(r * second * r);
        p[2 * g.channels] = static_cast<float>(r * (first + second * m));
        if (pds) {
          pds[i] = static_cast<float>(r * (pw[c] * sum[c] - g.rows * (first + second * ph[i])));
        }
      }
    }
  };
  const auto apply = [&](int64_t n, int64_t k) {
    const float* p = pc + n * 3 * g.channels;
    kernels.backward_apply(px + g.Offset(n, k), pdx + g.Offset(n, k), g.RowsOf(k), g.channels, p,
                           p + g.channels, p + 2 * g.channels);
  };
  RunStages(g, moments, coefficients_of, apply);
  const at::Tensor total = sums.sum(0);
  return {dx, dshift, total[1], total[0]};
}

class FusedFunction : public torch::autograd::Function<FusedFunction> {
 public:
  static Variable forward(AutogradContext* context, const Variable& x, const Variable& shift,
                          const Variable& weight, const Variable& bias, int64_t groups, double eps,
                          bool silu) {
    const float* p = shift.numel() > 0 ? shift.const_data_ptr<float>() : nullptr;
    Normalization norm;
    at::Tensor y = x.scalar_type() == at::kFloat
                       ? Forward<float>(x, p, weight, bias, groups, eps, silu, norm)
                       : Forward<at::BFloat16>(x, p, weight, bias, groups, eps, silu, norm);
    context->save_for_backward({x, weight, bias, norm.r, norm.m, norm.mean_h});
    context->saved_data["groups"] = groups;
    context->saved_data["silu"] = silu;
    context->saved_data["shift"] = shift.numel() > 0;
    return y;
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const variable_list saved = context->get_saved_variables();
    const at::Tensor& x = saved[0];
    const Normalization norm = {saved[3], saved[4], saved[5]};
    const int64_t groups = context->saved_data["groups"].toInt();
    const bool silu = context->saved_data["silu"].toBool();
    const bool shift = context->saved_data["shift"].toBool();
    const at::Tensor dy = gradients[0].to(x.scalar_type()).contiguous(ChannelsLast(x.dim() - 2));
    variable_list result =
        x.scalar_type() == at::kFloat
            ? Backward<float>(x, dy, saved[1], saved[2], groups, silu, norm, shift)
            : Backward<at::BFloat16>(x, dy, saved[1], saved[2], groups, silu, norm, shift);
    result.resize(7);  // groups, eps and silu have no gradient
    return result;
  }
};

bool HasKernel(const at::Tensor& x, const at::Tensor& weight) {
  return x.is_cpu() && (x.dim() == 4 || x.dim() == 5) && x.numel() > 0 &&
         (x.scalar_type() == at::kFloat || x.scalar_type() == at::kBFloat16) &&
         weight.scalar_type() == at::kFloat && x.size(1) % kGroupNormLanes == 0;
}

}  // namespace

at::Tensor FusedGroupNorm(const at::Tensor& x, const at::Tensor& shift, const at::Tensor& weight,
                          const at::Tensor& bias, int64_t groups, double eps, Activation act) {
  const bool silu = act == Activation::kSilu;
  if (HasKernel(x, weight)) {
    // An undefined tensor is no argument of a Function: an empty one stands for "none".
    const at::Tensor offsets =
        shift.defined() ? shift.to(at::kFloat).contiguous() : at::empty({0}, at::kFloat);
    return FusedFunction::apply(x.contiguous(ChannelsLast(x.dim() - 2)), offsets, weight, bias,
                                groups, eps, silu);
  }
  at::Tensor shifted = x;
  if (shift.defined()) {
    std::vector<int64_t> shape(x.dim(), 1);
    shape[0] = x.size(0);
    shape[1] = x.size(1);
    shifted = x + shift.to(x.scalar_type()).reshape(shape);
  }
  const at::Tensor y = at::group_norm(shifted, groups, weight, bias, eps);
  return silu ? at::silu(y) : y;
}

GroupNorm::GroupNorm(int64_t groups, int64_t channels, double eps)
    : groups_(groups),
      eps_(eps),
      weight_(register_parameter("weight", at::ones({channels}))),
      bias_(register_parameter("bias", at::zeros({channels}))) {}

}  // namespace alignflow
