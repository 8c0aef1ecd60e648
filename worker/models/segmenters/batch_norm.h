#ifndef ALIGNFLOW_WORKER_MODELS_SEGMENTERS_BATCH_NORM_H_
#define ALIGNFLOW_WORKER_MODELS_SEGMENTERS_BATCH_NORM_H_

#include <ATen/ATen.h>
#include <torch/nn/module.h>

#include <cstdint>

namespace alignflow {

// torch.nn.BatchNorm2d with its parameter and buffer names. While it trains it normalizes each
// batch by its own statistics and keeps no running ones, which a checkpoint of parameters would not
// hold; instead they are taken once, from what passes between StartSettling and FinishSettling.
class BatchNorm : public torch::nn::Module {
 public:
  explicit BatchNorm(int64_t channels);
  // x: [B,C,H,W].
  at::Tensor Forward(const at::Tensor& x);

  void StartSettling();
  void FinishSettling();

 private:
  bool settling_ = false;
  int64_t batches_ = 0;
  at::Tensor weight_, bias_, mean_, variance_;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_MODELS_SEGMENTERS_BATCH_NORM_H_
