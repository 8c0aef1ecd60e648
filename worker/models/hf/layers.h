#ifndef ALIGNFLOW_WORKER_MODELS_HF_LAYERS_H_
#define ALIGNFLOW_WORKER_MODELS_HF_LAYERS_H_

#include <torch/nn/module.h>

#include <cstdint>

// The layers that published checkpoints are made of, with torch.nn's parameter names. LibTorch's
// own layers fill their parameters with random numbers when they are made, always in float32 on the
// CPU; these are made on any device (at::kMeta, too, where only names and shapes are wanted) and in
// any floating type, and leave the memory untouched, because a checkpoint is read into it.
namespace alignflow::hf {

// y = x W^T + b; "weight" [out,in], "bias" [out].
class Linear : public torch::nn::Module {
 public:
  Linear(int64_t in, int64_t out, bool bias, const at::TensorOptions& options);
  // x: [...,in]. Returns [...,out].
  at::Tensor Forward(const at::Tensor& x) const;
  const at::Tensor& weight() const { return weight_; }

 private:
  at::Tensor weight_, bias_;
};

// Rows of "weight" [rows,width].
class Embedding : public torch::nn::Module {
 public:
  Embedding(int64_t rows, int64_t width, const at::TensorOptions& options);
  // ids: [...] int64 in [0,rows). Returns [...,width]. Throws std::invalid_argument for an id
  // outside on the CPU.
  at::Tensor Forward(const at::Tensor& ids) const;
  const at::Tensor& weight() const { return weight_; }

 private:
  at::Tensor weight_;
};

// A square kernel with bias: "weight" [out,in,kernel,kernel], "bias" [out].
class Conv2d : public torch::nn::Module {
 public:
  Conv2d(int64_t in, int64_t out, int64_t kernel, int64_t stride, int64_t padding,
         const at::TensorOptions& options);
  // x: [B,in,H,W].
  at::Tensor Forward(const at::Tensor& x) const;

 private:
  int64_t stride_, padding_;
  at::Tensor weight_, bias_;
};

// Over the last dimension: "weight" and "bias" [width].
class LayerNorm : public torch::nn::Module {
 public:
  LayerNorm(int64_t width, double eps, const at::TensorOptions& options);
  at::Tensor Forward(const at::Tensor& x) const;

 private:
  double eps_;
  at::Tensor weight_, bias_;
};

// x / sqrt(mean(x^2) + eps) * weight over the last dimension, the mean in float32; "weight"
// [width].
class RmsNorm : public torch::nn::Module {
 public:
  RmsNorm(int64_t width, double eps, const at::TensorOptions& options);
  at::Tensor Forward(const at::Tensor& x) const;

 private:
  double eps_;
  at::Tensor weight_;
};

}  // namespace alignflow::hf

#endif  // ALIGNFLOW_WORKER_MODELS_HF_LAYERS_H_
