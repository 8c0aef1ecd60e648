#ifndef ALIGNFLOW_WORKER_MODELS_UNET_SPACE_TO_DEPTH_H_
#define ALIGNFLOW_WORKER_MODELS_UNET_SPACE_TO_DEPTH_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "worker/models/latent_codec.h"

namespace alignflow {

// Cuts images [B,C,...] into blocks of block^spatial_dims pixels: [B,C block^dims,...] with each
// side divided by `block`, in channels-last memory. Throws std::invalid_argument naming a side that
// is not a multiple of `block`.
at::Tensor BlocksToChannels(const at::Tensor& image, int64_t block);
// The inverse.
at::Tensor ChannelsToBlocks(const at::Tensor& blocks, int64_t block);

// An exactly invertible codec without learned weights: each block of b^spatial_dims pixels becomes
// one latent position, its D = channels b^spatial_dims values rotated to the principal directions
// of the source images' blocks and scaled:
//   latent = (basis (block - mean)) / scale,    block = mean + basis^T (latent scale)
// The scale is such that a direction of standard deviation s has 2.5 (s / greatest s)^0.75 in the
// latent. So the latent keeps most of the difference in strength between coarse and fine
// directions: fully whitened, the many fine directions drown the few that carry the picture;
// unscaled, nothing makes the net care for them and they remain as grain.
// Works for 2-D [B,C,H,W] and 3-D [B,C,D,H,W]; sides must be multiples of b.
class SpaceToDepth : public LatentCodec {
 public:
  // Starts as the plain rearrangement: identity basis, zero mean, unit scale and deviation.
  SpaceToDepth(int64_t channels, int64_t block, int64_t spatial_dims = 2);

  // Fits to images [N,C,...] in [-1,1], N >= 1. Throws std::invalid_argument.
  void Fit(const at::Tensor& images);
  // The same of `count` images [1,C,...] that are asked for one after another, so that a large data
  // set is never held in memory.
  void Fit(int64_t count, const std::function<at::Tensor(int64_t row)>& image);

  at::Tensor Encode(const at::Tensor& image) const override;
  at::Tensor Decode(const at::Tensor& latent) const override;

  int64_t block() const { return block_; }
  int64_t latent_channels() const { return basis_.size(0); }
  // [D]: the standard deviation of each latent channel on the images of Fit. The first, greatest
  // one is 2.5.
  const at::Tensor& deviation() const { return deviation_; }
  // {"basis" [D,D], "mean", "scale", "deviation" [D]}, float32, sharing memory with the codec.
  std::map<std::string, at::Tensor> state() const;
  void To(at::Device device);

 private:
  int64_t channels_;
  int64_t block_;
  int64_t spatial_dims_;
  at::Tensor basis_;  // [D,D], rows are directions
  at::Tensor mean_;   // [D], of the blocks' values
  at::Tensor scale_;  // [D]
  at::Tensor deviation_;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_MODELS_UNET_SPACE_TO_DEPTH_H_
