#ifndef ALIGNFLOW_WORKER_MODELS_UNET_GROUP_NORM_KERNELS_H_
#define ALIGNFLOW_WORKER_MODELS_UNET_GROUP_NORM_KERNELS_H_

#include <c10/util/BFloat16.h>

#include <cstdint>

namespace alignflow {

// The inner loops of FusedGroupNorm over a block of rows of a channels-last tensor: `rows` x
// `channels` values, channels a multiple of kGroupNormLanes. Every coefficient is an array of
// `channels` floats. Compiled for AVX-512, AVX2 and the base instruction set, chosen when first
// used.
inline constexpr int64_t kGroupNormLanes = 16;

template <typename T>  // float or c10::BFloat16
struct GroupNormKernels {
  // sum += x - pivot, squares += (x - pivot)^2, per channel. A pivot near the values keeps the
  // digits of a small variance on a large mean.
  void (*moments)(const T* x, int64_t rows, int64_t channels, const float* pivot, float* sum,
                  float* squares);
  // y = a x + b, and then SiLU if `silu`.
  void (*apply)(const T* x, T* y, int64_t rows, int64_t channels, const float* a, const float* b,
                bool silu);
  // With h = r x + m (the normalized value) and z = weight h + bias: dz = dy act'(z), which is
  // stored; sum += dz, products += dz h.
  void (*backward_moments)(const T* x, const T* dy, T* dz, int64_t rows, int64_t channels,
                           const float* r, const float* m, const float* weight, const float* bias,
                           bool silu, float* sum, float* products);
  // dx = p dz - q x - s, in place of dz.
  void (*backward_apply)(const T* x, T* dz_to_dx, int64_t rows, int64_t channels, const float* p,
                         const float* q, const float* s);
};

template <typename T>
const GroupNormKernels<T>& ChosenGroupNormKernels();

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_MODELS_UNET_GROUP_NORM_KERNELS_H_
