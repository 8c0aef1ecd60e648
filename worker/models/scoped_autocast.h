#ifndef ALIGNFLOW_WORKER_MODELS_SCOPED_AUTOCAST_H_
#define ALIGNFLOW_WORKER_MODELS_SCOPED_AUTOCAST_H_

#include <ATen/autocast_mode.h>

namespace alignflow {

// Whether the CPU multiplies bfloat16 by itself; others emulate it, slower than float32.
inline bool CpuHasBfloat16() {
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx512bf16");
#else
  return false;
#endif
}

// Convolutions and matrix products inside this scope run in `type`.
class ScopedAutocast {
 public:
  ScopedAutocast(at::DeviceType device, at::ScalarType type)
      : device_(device),
        enabled_(at::autocast::is_autocast_enabled(device)),
        type_(at::autocast::get_autocast_dtype(device)) {
    at::autocast::set_autocast_enabled(device, true);
    at::autocast::set_autocast_dtype(device, type);
    at::autocast::increment_nesting();
  }
  ~ScopedAutocast() {
    if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
    at::autocast::set_autocast_enabled(device_, enabled_);
    at::autocast::set_autocast_dtype(device_, type_);
  }

 private:
  at::DeviceType device_;
  bool enabled_;
  at::ScalarType type_;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_MODELS_SCOPED_AUTOCAST_H_
