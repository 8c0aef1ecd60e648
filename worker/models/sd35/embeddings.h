#ifndef ALIGNFLOW_WORKER_MODELS_SD35_EMBEDDINGS_H_
#define ALIGNFLOW_WORKER_MODELS_SD35_EMBEDDINGS_H_

#include <torch/nn/module.h>

#include <cstdint>
#include <memory>

#include "worker/models/hf/layers.h"

namespace alignflow {

// Latents as tokens, one per patch: diffusers' PatchEmbed. With a table ("pos_embed", which
// checkpoints hold) each token gets its position's embedding, from the middle of the table.
class PatchEmbedding : public torch::nn::Module {
 public:
  // table_side: of the position table in patches; 0: no table.
  PatchEmbedding(int64_t channels, int64_t patch, int64_t width, int64_t table_side,
                 const at::TensorOptions& options);

  // latent: [B,channels,H,W]; H and W multiples of the patch, at most table_side of them. Returns
  // [B,H/patch * W/patch,width], row by row. Throws std::invalid_argument.
  at::Tensor Forward(const at::Tensor& latent) const;

 private:
  at::Tensor Positions(int64_t rows, int64_t columns) const;

  int64_t patch_;
  int64_t table_side_;
  std::shared_ptr<hf::Conv2d> proj_;
  at::Tensor pos_embed_;  // [1,table_side^2,width]
};

// Time and pooled text as one vector: diffusers' CombinedTimestepTextProjEmbeddings.
class TimeTextEmbedding : public torch::nn::Module {
 public:
  TimeTextEmbedding(int64_t width, int64_t pooled_width, const at::TensorOptions& options);

  // timestep: [B] on the scale [0,1000]; pooled: [B,pooled_width]. Returns [B,width].
  at::Tensor Forward(const at::Tensor& timestep, const at::Tensor& pooled) const;

 private:
  std::shared_ptr<hf::Linear> time1_, time2_, text1_, text2_;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_MODELS_SD35_EMBEDDINGS_H_
