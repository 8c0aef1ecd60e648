#ifndef ALIGNFLOW_WORKER_MODELS_BATCH_NORM_H_
#define ALIGNFLOW_WORKER_MODELS_BATCH_NORM_H_

#include <ATen/ATen.h>
#include <torch/nn/module.h>

#include <cstdint>
#include <functional>

namespace alignflow {

// torch.nn.BatchNorm2d with its parameter and buffer names. While it trains it normalizes each
// batch by its own statistics and keeps no running ones, which a checkpoint of parameters would not
// hold; instead they are taken once, from what passes between StartSettling and FinishSettling.
class BatchNorm : public torch::nn::Module {
 public:
  explicit BatchNorm(int64_t channels, double eps = 1e-5);
  // x: [B,C,H,W].
  at::Tensor Forward(const at::Tensor& x);

  void StartSettling();
  void FinishSettling();

  // In evaluation it is x * scale + offset with these, double [C] each.
  at::Tensor Scale() const;
  at::Tensor Offset() const;

 private:
  double eps_;
  bool settling_ = false;
  int64_t batches_ = 0;
  at::Tensor weight_, bias_, mean_, variance_;
};

// Takes the statistics of all batch norms of a module from the batches of images that `pass` is
// called with 0, 1, ..., batches - 1 to send through it.
void SettleBatchNorms(torch::nn::Module& module, const std::function<void(int64_t batch)>& pass,
                      int64_t batches);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_MODELS_BATCH_NORM_H_
