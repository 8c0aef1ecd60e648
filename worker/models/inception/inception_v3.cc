#include "worker/models/inception/inception_v3.h"

#include <ATen/core/grad_mode.h>

#include <stdexcept>

namespace alignflow {
namespace {

constexpr int64_t kInputSide = 299;
constexpr double kBatchNormEpsilon = 1e-3;

at::Tensor MaxPool(const at::Tensor& x) { return at::max_pool2d(x, {3, 3}, {2, 2}); }

// Of what lies inside of the picture only.
at::Tensor PoolAround(const at::Tensor& x) {
  return at::avg_pool2d(x, {3, 3}, {1, 1}, {1, 1}, /*ceil_mode=*/false,
                        /*count_include_pad=*/false);
}

// [out,in]: the rows' weights of the input's pixels.
at::Tensor ResizeMatrix(int64_t in, int64_t out, const at::TensorOptions& options) {
  at::Tensor matrix = at::zeros({out, in}, options);
  const at::Tensor place =
      at::arange(out, options) * (static_cast<double>(in) / static_cast<double>(out));
  const at::Tensor low = place.floor().clamp_max(in - 1);
  const at::Tensor part = (place - low).unsqueeze(1);
  const at::Tensor first = low.to(at::kLong).unsqueeze(1);
  matrix.scatter_add_(1, first, 1 - part);
  return matrix.scatter_add_(1, (first + 1).clamp_max(in - 1), part);
}

at::Tensor Get(const std::map<std::string, at::Tensor>& weights, const std::string& name) {
  const auto found = weights.find(name);
  if (found == weights.end()) throw std::runtime_error("Inception V3 has no tensor " + name);
  return found->second.to(at::kDouble);
}

}  // namespace

at::Tensor ResizeLikeTensorFlow1(const at::Tensor& x, int64_t size) {
  const at::Tensor rows = ResizeMatrix(x.size(2), size, x.options());
  const at::Tensor columns = ResizeMatrix(x.size(3), size, x.options());
  return at::matmul(rows, at::matmul(x, columns.t()));
}

InceptionV3::InceptionV3(const std::map<std::string, at::Tensor>& weights, at::Device device) {
  constexpr std::string_view kEnding = ".conv.weight";
  for (const auto& [key, tensor] : weights) {
    if (!key.ends_with(kEnding)) continue;
    const std::string name = key.substr(0, key.size() - kEnding.size());
    const at::Tensor scale = Get(weights, name + ".bn.weight") /
                             (Get(weights, name + ".bn.running_var") + kBatchNormEpsilon).sqrt();
    const at::Tensor bias =
        Get(weights, name + ".bn.bias") - Get(weights, name + ".bn.running_mean") * scale;
    const at::Tensor weight = tensor.to(at::kDouble) * scale.view({-1, 1, 1, 1});
    layers_[name] = {weight.to(device, at::kFloat).contiguous(at::MemoryFormat::ChannelsLast),
                     bias.to(device, at::kFloat)};
  }
  // Runs once, so that a file without some layer, or with one of another size, is refused here.
  const at::NoGradGuard no_grad;
  try {
    const at::Tensor image = at::zeros({1, 3, 8, 8}, at::TensorOptions(device));
    if (Features(image).size(1) == width()) return;
  } catch (const c10::Error& error) {
    throw std::runtime_error(std::string("Inception V3 has a layer of another shape: ") +
                             error.what_without_backtrace());
  }
  throw std::runtime_error("Inception V3 has another width than 2048");
}

at::Tensor InceptionV3::Apply(const std::string& name, const at::Tensor& x,
                              const Shape& shape) const {
  const auto layer = layers_.find(name);
  if (layer == layers_.end()) {
    throw std::runtime_error("Inception V3 has no tensor " + name + ".conv.weight");
  }
  return at::conv2d(x, layer->second.weight, layer->second.bias, {shape.stride, shape.stride},
                    {shape.pad_rows, shape.pad_columns})
      .relu_();
}

at::Tensor InceptionV3::BlockA(const std::string& name, const at::Tensor& x) const {
  const at::Tensor five = Apply(name + ".branch5x5_2", Apply(name + ".branch5x5_1", x), {1, 2, 2});
  at::Tensor twice = Apply(name + ".branch3x3dbl_2", Apply(name + ".branch3x3dbl_1", x), {1, 1, 1});
  twice = Apply(name + ".branch3x3dbl_3", twice, {1, 1, 1});
  return at::cat(
      {Apply(name + ".branch1x1", x), five, twice, Apply(name + ".branch_pool", PoolAround(x))}, 1);
}

at::Tensor InceptionV3::BlockB(const std::string& name, const at::Tensor& x) const {
  at::Tensor twice = Apply(name + ".branch3x3dbl_2", Apply(name + ".branch3x3dbl_1", x), {1, 1, 1});
  twice = Apply(name + ".branch3x3dbl_3", twice, {2, 0, 0});
  return at::cat({Apply(name + ".branch3x3", x, {2, 0, 0}), twice, MaxPool(x)}, 1);
}

at::Tensor InceptionV3::BlockC(const std::string& name, const at::Tensor& x) const {
  const Shape row{1, 0, 3}, column{1, 3, 0};
  at::Tensor seven = Apply(name + ".branch7x7_2", Apply(name + ".branch7x7_1", x), row);
  seven = Apply(name + ".branch7x7_3", seven, column);
  at::Tensor twice = Apply(name + ".branch7x7dbl_2", Apply(name + ".branch7x7dbl_1", x), column);
  twice = Apply(name + ".branch7x7dbl_3", twice, row);
  twice = Apply(name + ".branch7x7dbl_4", twice, column);
  twice = Apply(name + ".branch7x7dbl_5", twice, row);
  return at::cat(
      {Apply(name + ".branch1x1", x), seven, twice, Apply(name + ".branch_pool", PoolAround(x))},
      1);
}

at::Tensor InceptionV3::BlockD(const std::string& name, const at::Tensor& x) const {
  const at::Tensor three = Apply(name + ".branch3x3_2", Apply(name + ".branch3x3_1", x), {2, 0, 0});
  at::Tensor seven = Apply(name + ".branch7x7x3_2", Apply(name + ".branch7x7x3_1", x), {1, 0, 3});
  seven = Apply(name + ".branch7x7x3_3", seven, {1, 3, 0});
  seven = Apply(name + ".branch7x7x3_4", seven, {2, 0, 0});
  return at::cat({three, seven, MaxPool(x)}, 1);
}

at::Tensor InceptionV3::BlockE(const std::string& name, const at::Tensor& x, bool maximum) const {
  const auto fork = [&](const std::string& branch, const at::Tensor& in) {
    return at::cat(
        {Apply(name + branch + "a", in, {1, 0, 1}), Apply(name + branch + "b", in, {1, 1, 0})}, 1);
  };
  const at::Tensor three = fork(".branch3x3_2", Apply(name + ".branch3x3_1", x));
  const at::Tensor twice =
      fork(".branch3x3dbl_3",
           Apply(name + ".branch3x3dbl_2", Apply(name + ".branch3x3dbl_1", x), {1, 1, 1}));
  const at::Tensor pooled = maximum ? at::max_pool2d(x, {3, 3}, {1, 1}, {1, 1}) : PoolAround(x);
  return at::cat(
      {Apply(name + ".branch1x1", x), three, twice, Apply(name + ".branch_pool", pooled)}, 1);
}

at::Tensor InceptionV3::Features(const at::Tensor& image) const {
  const at::Tensor bytes = (image.to(at::kFloat) + 1) * 127.5;
  at::Tensor x = ((ResizeLikeTensorFlow1(bytes, kInputSide) - 128) / 128)
                     .contiguous(at::MemoryFormat::ChannelsLast);
  x = Apply("Conv2d_1a_3x3", x, {2, 0, 0});
  x = Apply("Conv2d_2b_3x3", Apply("Conv2d_2a_3x3", x), {1, 1, 1});
  x = Apply("Conv2d_3b_1x1", MaxPool(x));
  x = MaxPool(Apply("Conv2d_4a_3x3", x));
  for (const char* name : {"Mixed_5b", "Mixed_5c", "Mixed_5d"}) x = BlockA(name, x);
  x = BlockB("Mixed_6a", x);
  for (const char* name : {"Mixed_6b", "Mixed_6c", "Mixed_6d", "Mixed_6e"}) x = BlockC(name, x);
  x = BlockD("Mixed_7a", x);
  x = BlockE("Mixed_7b", x, /*maximum=*/false);
  x = BlockE("Mixed_7c", x, /*maximum=*/true);
  return x.mean({2, 3});
}

}  // namespace alignflow
