#ifndef ALIGNFLOW_WORKER_MODELS_FUSED_LINEAR_H_
#define ALIGNFLOW_WORKER_MODELS_FUSED_LINEAR_H_

#include <torch/nn/module.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace alignflow {

// Linear layers of the same input as one matrix product: queries, keys and values. Each has its own
// parameters under its own name, as checkpoints have them, which lie side by side in memory, so
// that joining them costs nothing. While one of them is trained, or after Module::to moved them
// apart, they are joined at each call. Values are left as found in memory until a checkpoint is
// read into them. Thread-safe as long as nobody writes to the parameters.
class FusedLinear {
 public:
  struct Part {
    std::string name;
    bool bias = true;
  };

  // Registers a child module with "weight" [out,in] and, if asked for, "bias" [out] in `owner` for
  // each part.
  FusedLinear(torch::nn::Module& owner, const std::vector<Part>& parts, int64_t in, int64_t out,
              const at::TensorOptions& options);

  // x: [...,in]. Returns [...,parts * out], the parts in their order.
  at::Tensor Forward(const at::Tensor& x) const;

  at::ScalarType dtype() const { return weights_.front().scalar_type(); }

 private:
  bool IsJoined(const std::vector<at::Tensor>& parts, const at::Tensor& whole) const;

  at::Tensor weight_;  // [parts * out,in]
  at::Tensor bias_;    // [parts * out], zero where a part has none; undefined if none has
  std::vector<at::Tensor> weights_;
  std::vector<at::Tensor> biases_;  // undefined where a part has none
};

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_MODELS_FUSED_LINEAR_H_
