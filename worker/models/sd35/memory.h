#ifndef ALIGNFLOW_WORKER_MODELS_SD35_MEMORY_H_
#define ALIGNFLOW_WORKER_MODELS_SD35_MEMORY_H_

#include <ATen/ATen.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace alignflow {

// What is to be done with an SD 3.5 folder, as far as memory depends on it.
struct Sd35Work {
  enum class Kind { kSample, kFit, kAlign, kFitMasks, kMasks };
  Kind kind = Kind::kSample;
  int64_t size = 512;    // side of the images in pixels
  int64_t batch = 1;     // images in a pass through the transformer
  bool average = false;  // of the weights, kept while they train
  bool copy = false;     // another, frozen ControlNet beside the one in use
  // kFitMasks, kMasks: of the adapters; 0: a transformer of its own.
  int64_t adapter_rank = 0;
};

// The memory at the peak, in bytes, part by part.
struct MemoryEstimate {
  struct Part {
    std::string what;
    int64_t bytes = 0;
  };
  std::vector<Part> parts;

  int64_t Total() const;
  // "18.2 GiB: transformer 4.6, ControlNet 11.2, ..."
  std::string Text() const;
};

// From the configs alone, without reading weights. `options`: the base's type; its device is not
// used. Weights (the position tables among them) and the optimiser's state are exact. Activations
// are those of training with recomputed blocks: every block's input and about what one block keeps.
// Where a text encoder alone, which is let go before the rest is read, needs more than all the
// rest, it is the only part. Throws std::runtime_error naming file and field.
MemoryEstimate EstimateSd35Memory(const std::filesystem::path& folder, const Sd35Work& work,
                                  const at::TensorOptions& options);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_MODELS_SD35_MEMORY_H_
