#ifndef ALIGNFLOW_WORKER_MODELS_UNET_UNET_ENCODER_H_
#define ALIGNFLOW_WORKER_MODELS_UNET_UNET_ENCODER_H_

#include <torch/nn/modules/embedding.h>
#include <torch/nn/modules/linear.h>

#include <memory>
#include <vector>

#include "worker/models/unet/blocks.h"
#include "worker/models/unet/convolution.h"
#include "worker/models/unet/unet_config.h"

namespace alignflow {

// Sinusoids of Ho et al., arXiv:2006.11239, cosines first. timesteps: [N], of any type. Returns
// [N,width] float32.
at::Tensor TimestepEmbedding(const at::Tensor& timesteps, int64_t width);

// What U-Net and ControlNet have in common. Names: conv_in, time_embed, class_embedding,
// down_blocks, middle_block.
class UNetEncoder : public torch::nn::Module {
 protected:
  // dropout: of the transformers.
  UNetEncoder(const UNetConfig& config, double dropout);

  // timesteps: [N]; class_labels: [N] int64, needed if and only if the configuration has class
  // embeddings. Returns the embedding [N,E] after SiLU, as every residual block takes it.
  at::Tensor Time(const at::Tensor& timesteps, const at::Tensor& class_labels);
  // x: [N,in_channels,...]. Returns the first features, channels-last.
  at::Tensor Stem(const at::Tensor& x);
  // Runs all levels and the middle on the stem's result. `skips` receives the stem and every
  // level's results.
  at::Tensor Encode(at::Tensor h, const at::Tensor& time, const at::Tensor& context,
                    std::vector<at::Tensor>& skips);

  const UNetConfig config_;

 private:
  std::shared_ptr<Convolution> conv_in_;
  torch::nn::Linear time_in_ = nullptr, time_out_ = nullptr;
  torch::nn::Embedding class_embedding_ = nullptr;
  std::vector<std::shared_ptr<DownBlock>> down_blocks_;
  std::shared_ptr<MidBlock> middle_block_;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_MODELS_UNET_UNET_ENCODER_H_
