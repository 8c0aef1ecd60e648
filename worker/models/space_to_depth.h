#ifndef ALIGNFLOW_WORKER_MODELS_SPACE_TO_DEPTH_H_
#define ALIGNFLOW_WORKER_MODELS_SPACE_TO_DEPTH_H_

#include <cstdint>
#include <map>
#include <string>

#include "worker/models/latent_codec.h"

namespace alignflow {

// An exactly invertible codec without learned weights: each block of b^spatial_dims pixels becomes
// one latent position, its D = channels b^spatial_dims values rotated by an orthonormal basis
// fitted on the source images and brought to zero mean and unit variance per coordinate. The flow
// then spends equal care on every coordinate, so that the fine detail of a block, whose raw
// variance is small, is learned and not left as grain.
//   latent = (basis (block - mean)) / scale,    block = mean + basis^T (latent scale)
// Works for 2-D [B,C,H,W] and 3-D [B,C,D,H,W]; sides must be multiples of b.
class SpaceToDepth : public LatentCodec {
 public:
  // Starts as the plain rearrangement: identity basis, zero mean, unit scale.
  SpaceToDepth(int64_t channels, int64_t block, int64_t spatial_dims = 2);

  // Fits basis, mean and scale to images [N,C,...] in [-1,1], N >= 1. `floor` is the least standard
  // deviation of a coordinate, so that a direction without variance in the source is not blown up
  // to noise.
  void Fit(const at::Tensor& images, double floor = 0.02);

  at::Tensor Encode(const at::Tensor& image) const override;
  at::Tensor Decode(const at::Tensor& latent) const override;

  int64_t block() const { return block_; }
  int64_t latent_channels() const { return basis_.size(0); }
  // {"basis" [D,D], "mean" [D], "scale" [D]}, float32, sharing memory with the codec.
  std::map<std::string, at::Tensor> state() const;
  void To(at::Device device);

 private:
  at::Tensor Split(const at::Tensor& image)
      const;  // [B,C,...] to [B,...,D], the pixels of one block side by side
  at::Tensor Join(const at::Tensor& blocks) const;  // its inverse

  int64_t channels_;
  int64_t block_;
  int64_t spatial_dims_;
  at::Tensor basis_;  // [D,D], rows are directions
  at::Tensor mean_;   // [D], of the blocks' values
  at::Tensor scale_;  // [D], standard deviations along the basis
};

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_MODELS_SPACE_TO_DEPTH_H_
