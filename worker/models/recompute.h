#ifndef ALIGNFLOW_WORKER_MODELS_RECOMPUTE_H_
#define ALIGNFLOW_WORKER_MODELS_RECOMPUTE_H_

#include <ATen/ATen.h>

#include <functional>
#include <vector>

namespace alignflow {

using TensorFunction = std::function<std::vector<at::Tensor>(const std::vector<at::Tensor>&)>;

// function(inputs), keeping nothing for the backward pass but the inputs: there the function is
// computed once more (activation checkpointing; Chen et al., arXiv:1604.06174). Gradients, to the
// inputs and to parameters that the function reads, are those of the function itself; they cannot
// be differentiated again. The function must compute the same each time, return defined tensors,
// and own what it needs. Where grad mode is off or no input requires a gradient it is simply
// called.
std::vector<at::Tensor> Recompute(const TensorFunction& function,
                                  const std::vector<at::Tensor>& inputs);

// The same of one tensor.
at::Tensor Recompute(const std::function<at::Tensor(const at::Tensor&)>& function,
                     const at::Tensor& input);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_MODELS_RECOMPUTE_H_
