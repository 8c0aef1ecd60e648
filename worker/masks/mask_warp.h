#ifndef ALIGNFLOW_WORKER_MASKS_MASK_WARP_H_
#define ALIGNFLOW_WORKER_MASKS_MASK_WARP_H_

#include <ATen/ATen.h>

#include <cstdint>

namespace alignflow {

// A smooth warp of the plane by which a real image comes to show a new mask: what all structures of
// the new mask cover together is taken from what those of the real one cover. There, and on both
// structures' places, it is the affine map that fits area, place and second moments, of all such
// maps the one nearest to the identity; away from them it fades into the identity, as slowly as it
// takes for no part of the image to be folded over another (else it is affine all over). Where that
// map would stretch or squeeze by more than 3 (one structure for two that lie apart), the areas
// alone are fitted, within the same bounds. Moments of all structures together tell nothing of
// their shapes or number: Mask() of the real mask tells how well it fits. Immutable and
// thread-safe.
class MaskWarp {
 public:
  // from, to: classes of the real mask and of the new one, uint8 [S,S] on the CPU, 0 the
  // background. The identity where one of them is empty.
  MaskWarp(const at::Tensor& from, const at::Tensor& to);

  // The same warp of larger images and masks, of `side` pixels.
  MaskWarp Enlarged(int64_t side) const;

  // Images [B,C,S,S] as they become, bilinear; outside of the image is what is at its border.
  at::Tensor Images(const at::Tensor& images) const;
  // A mask uint8 [S,S] as it becomes, each pixel of the nearest one's class.
  at::Tensor Mask(const at::Tensor& classes) const;

 private:
  MaskWarp() = default;

  at::Tensor grid_;  // float [1,S,S,2]: where each pixel comes from; x and y, -1 to 1
};

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_MASKS_MASK_WARP_H_
