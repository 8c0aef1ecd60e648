#include "worker/models/unet/group_norm_kernels.h"

#include <cstring>

// The vectors below never cross a function that is not inlined, so their calling convention does
// not matter.
#pragma GCC diagnostic ignored "-Wpsabi"

namespace alignflow {
namespace {

#define ALIGNFLOW_INLINE inline __attribute__((always_inline))

// GCC's and Clang's vector extension: one instruction with AVX-512, two with AVX2, four without
// either.
using Floats = float __attribute__((vector_size(64)));
using Words = uint32_t __attribute__((vector_size(64)));
using Halves = uint16_t __attribute__((vector_size(32)));

ALIGNFLOW_INLINE Floats Load(const float* p) {
  Floats v;
  std::memcpy(&v, p, sizeof(v));
  return v;
}
ALIGNFLOW_INLINE void Store(float* p, const Floats& v) { std::memcpy(p, &v, sizeof(v)); }

ALIGNFLOW_INLINE Floats Load(const c10::BFloat16* p) {
  Halves h;
  std::memcpy(&h, p, sizeof(h));
  const Words w = __builtin_convertvector(h, Words) << 16;
  Floats v;
  std::memcpy(&v, &w, sizeof(v));
  return v;
}
// Rounds to nearest even. A NaN may become an infinity here; the training loop refuses either.
ALIGNFLOW_INLINE void Store(c10::BFloat16* p, const Floats& v) {
  Words w;
  std::memcpy(&w, &v, sizeof(w));
  w = (w + 0x7fffu + ((w >> 16) & 1u)) >> 16;
  const Halves h = __builtin_convertvector(w, Halves);
  std::memcpy(p, &h, sizeof(h));
}

ALIGNFLOW_INLINE Floats Splat(float value) { return value - Floats{}; }

// 1 / (1 + exp(-x)) to about 2 units in the last place. exp(y) = 2^n exp(r) with n the rounded y /
// ln 2 and |r| <= ln 2 / 2; the polynomial for exp(r) is Cephes' (expf). NaN stays NaN.
ALIGNFLOW_INLINE Floats Sigmoid(const Floats& x) {
  Floats y = -x;
  y = y > 87.0f ? Splat(87.0f) : y;
  y = y < -87.0f ? Splat(-87.0f) : y;
  const Floats shifted = y * 1.44269504088896341f + 12582912.0f;  // 1.5 2^23: rounds to an integer
  const Floats n = shifted - 12582912.0f;
  const Floats r = (y - n * 0.693359375f) + n * 2.12194440e-4f;
  Floats e = Splat(1.9875691500e-4f);
  e = e * r + 1.3981999507e-3f;
  e = e * r + 8.3334519073e-3f;
  e = e * r + 4.1665795894e-2f;
  e = e * r + 1.6666665459e-1f;
  e = e * r + 5.0000001201e-1f;
  e = e * (r * r) + r + 1.0f;
  Words exponent;
  std::memcpy(&exponent, &shifted, sizeof(exponent));
  exponent = (exponent << 23) + (127u << 23);  // the low bits of 'shifted' are n
  Floats power;
  std::memcpy(&power, &exponent, sizeof(power));
  return 1.0f / (1.0f + e * power);
}

template <typename T>
ALIGNFLOW_INLINE void Moments(const T* x, int64_t rows, int64_t channels, const float* pivot,
                              float* sum, float* squares) {
  for (int64_t c = 0; c < channels; c += kGroupNormLanes) {
    const Floats center = Load(pivot + c);
    Floats s0 = Load(sum + c), s1{}, q0 = Load(squares + c), q1{};
    int64_t i = 0;
    for (; i + 1 < rows; i += 2) {  // two chains hide the latency of the additions
      const Floats a = Load(x + i * channels + c) - center;
      const Floats b = Load(x + (i + 1) * channels + c) - center;
      s0 += a;
      s1 += b;
      q0 += a * a;
      q1 += b * b;
    }
    if (i < rows) {
      const Floats a = Load(x + i * channels + c) - center;
      s0 += a;
      q0 += a * a;
    }
    Store(sum + c, s0 + s1);
    Store(squares + c, q0 + q1);
  }
}

template <bool kSilu, typename T>
ALIGNFLOW_INLINE void Apply(const T* x, T* y, int64_t rows, int64_t channels, const float* a,
                            const float* b) {
  for (int64_t c = 0; c < channels; c += kGroupNormLanes) {
    const Floats factor = Load(a + c), offset = Load(b + c);
    for (int64_t i = 0; i < rows; ++i) {
      Floats z = Load(x + i * channels + c) * factor + offset;
      if constexpr (kSilu) z *= Sigmoid(z);
      Store(y + i * channels + c, z);
    }
  }
}

template <bool kSilu, typename T>
ALIGNFLOW_INLINE void BackwardMoments(const T* x, const T* dy, T* dz, int64_t rows,
                                      int64_t channels, const float* r, const float* m,
                                      const float* weight, const float* bias, float* sum,
                                      float* products) {
  for (int64_t c = 0; c < channels; c += kGroupNormLanes) {
    const Floats factor = Load(r + c), offset = Load(m + c);
    const Floats w = Load(weight + c), b = Load(bias + c);
    Floats s = Load(sum + c), p = Load(products + c);
    for (int64_t i = 0; i < rows; ++i) {
      const int64_t at = i * channels + c;
      const Floats h = Load(x + at) * factor + offset;
      Floats d = Load(dy + at);
      if constexpr (kSilu) {
        const Floats z = h * w + b;
        const Floats g = Sigmoid(z);
        d *= g * (1.0f + z * (1.0f - g));
      }
      s += d;
      p += d * h;
      Store(dz + at, d);
    }
    Store(sum + c, s);
    Store(products + c, p);
  }
}

template <typename T>
ALIGNFLOW_INLINE void BackwardApply(const T* x, T* dz, int64_t rows, int64_t channels,
                                    const float* p, const float* q, const float* s) {
  for (int64_t c = 0; c < channels; c += kGroupNormLanes) {
    const Floats vp = Load(p + c), vq = Load(q + c), vs = Load(s + c);
    for (int64_t i = 0; i < rows; ++i) {
      const int64_t at = i * channels + c;
      Store(dz + at, Load(dz + at) * vp - Load(x + at) * vq - vs);
    }
  }
}

// The four loops for one instruction set; a body inlined into a function takes over that function's
// instruction set.
#define ALIGNFLOW_KERNELS(Name, ...)                                                               \
  template <typename T>                                                                            \
  struct Name {                                                                                    \
    __VA_ARGS__ static void RunMoments(const T* x, int64_t rows, int64_t channels,                 \
                                       const float* pivot, float* sum, float* squares) {           \
      Moments(x, rows, channels, pivot, sum, squares);                                             \
    }                                                                                              \
    __VA_ARGS__ static void RunApply(const T* x, T* y, int64_t rows, int64_t channels,             \
                                     const float* a, const float* b, bool silu) {                  \
      silu ? Apply<true>(x, y, rows, channels, a, b) : Apply<false>(x, y, rows, channels, a, b);   \
    }                                                                                              \
    __VA_ARGS__ static void RunBackwardMoments(const T* x, const T* dy, T* dz, int64_t rows,       \
                                               int64_t channels, const float* r, const float* m,   \
                                               const float* weight, const float* bias, bool silu,  \
                                               float* sum, float* products) {                      \
      silu ? BackwardMoments<true>(x, dy, dz, rows, channels, r, m, weight, bias, sum, products)   \
           : BackwardMoments<false>(x, dy, dz, rows, channels, r, m, weight, bias, sum, products); \
    }                                                                                              \
    __VA_ARGS__ static void RunBackwardApply(const T* x, T* dz, int64_t rows, int64_t channels,    \
                                             const float* p, const float* q, const float* s) {     \
      BackwardApply(x, dz, rows, channels, p, q, s);                                               \
    }                                                                                              \
    static constexpr GroupNormKernels<T> kTable = {RunMoments, RunApply, RunBackwardMoments,       \
                                                   RunBackwardApply};                              \
  };

ALIGNFLOW_KERNELS(Base)
#if defined(__x86_64__)
ALIGNFLOW_KERNELS(Avx2, __attribute__((target("avx2,fma"))))
ALIGNFLOW_KERNELS(Avx512, __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma"))))
#endif

template <typename T>
const GroupNormKernels<T>& Choose() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")) {
    return Avx512<T>::kTable;
  }
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return Avx2<T>::kTable;
#endif
  return Base<T>::kTable;
}

}  // namespace

template <typename T>
const GroupNormKernels<T>& ChosenGroupNormKernels() {
  static const GroupNormKernels<T>& chosen = Choose<T>();
  return chosen;
}

template const GroupNormKernels<float>& ChosenGroupNormKernels();
template const GroupNormKernels<c10::BFloat16>& ChosenGroupNormKernels();

}  // namespace alignflow
