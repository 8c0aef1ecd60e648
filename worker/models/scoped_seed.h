#ifndef ALIGNFLOW_WORKER_MODELS_SCOPED_SEED_H_
#define ALIGNFLOW_WORKER_MODELS_SCOPED_SEED_H_

#include <ATen/Context.h>
#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include <cstdint>

namespace alignflow {

// Draws from the global CPU generator are seeded inside this scope and continue as before after it:
// layers fill their parameters from it when they are made.
class ScopedSeed {
 public:
  explicit ScopedSeed(uint64_t seed)
      : generator_(at::globalContext().defaultGenerator(at::kCPU)), saved_(generator_.get_state()) {
    generator_.set_current_seed(seed);
  }
  ~ScopedSeed() { generator_.set_state(saved_); }
  ScopedSeed(const ScopedSeed&) = delete;
  ScopedSeed& operator=(const ScopedSeed&) = delete;

 private:
  at::Generator generator_;
  at::Tensor saved_;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_MODELS_SCOPED_SEED_H_
