#ifndef ALIGNFLOW_WORKER_METRICS_TSNE_H_
#define ALIGNFLOW_WORKER_METRICS_TSNE_H_

#include <ATen/ATen.h>

#include <functional>

namespace alignflow {

// The exact t-SNE (van der Maaten and Hinton 2008, Journal of Machine Learning Research 9) of
// features [N,d] for a scatter plot: double [N,2], centred. It starts from the two principal
// components and draws no random number, so the same features give the same picture. Time and
// memory grow with N^2: 600 points take a few seconds. `each_step` is called often and may throw
// to end it. Throws std::invalid_argument for N < 4. Thread-safe.
at::Tensor EmbedInPlane(
    const at::Tensor& features, double perplexity = 30,
    const std::function<void()>& each_step = [] {});

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_METRICS_TSNE_H_
