#ifndef ALIGNFLOW_WORKER_MODELS_GREY_PICTURES_H_
#define ALIGNFLOW_WORKER_MODELS_GREY_PICTURES_H_

#include <ATen/ATen.h>

#include <cstdint>
#include <vector>

namespace alignflow {

// Masks as grey pictures for models of RGB images: the label values, stretched so that the greatest
// is white (masks of the values 1, 2, 3 would be black otherwise). Immutable and thread-safe.
class GreyPictures {
 public:
  // greys: the value of each class, background first. Throws std::invalid_argument if there is
  // none.
  explicit GreyPictures(const std::vector<uint8_t>& greys);

  // Classes uint8 [B,S,S] to float [B,3,S,S] in [-1,1] on a device.
  at::Tensor Of(const at::Tensor& classes, at::Device device) const;
  // The class whose grey is nearest to each pixel's: float [B,3,S,S] to uint8 [B,S,S] on the CPU.
  at::Tensor Classes(const at::Tensor& pictures) const;

 private:
  at::Tensor levels_;  // float [K] in [-1,1]
};

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_MODELS_GREY_PICTURES_H_
