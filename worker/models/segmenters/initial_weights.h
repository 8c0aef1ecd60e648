#ifndef ALIGNFLOW_WORKER_MODELS_SEGMENTERS_INITIAL_WEIGHTS_H_
#define ALIGNFLOW_WORKER_MODELS_SEGMENTERS_INITIAL_WEIGHTS_H_

#include <torch/nn/module.h>

namespace alignflow {

// Fills a transformer's parameters from the global generator, as it is trained from scratch:
// matrices and embeddings normal with deviation 0.02, kernels normal with variance 2 over their
// outputs' number of numbers (He et al., arXiv:1502.01852), norms' weights 1, biases 0.
void DrawInitialWeights(torch::nn::Module& module);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_MODELS_SEGMENTERS_INITIAL_WEIGHTS_H_
