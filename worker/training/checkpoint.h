#ifndef ALIGNFLOW_WORKER_TRAINING_CHECKPOINT_H_
#define ALIGNFLOW_WORKER_TRAINING_CHECKPOINT_H_

#include <filesystem>

#include "worker/training/ema.h"
#include "worker/training/optimizer.h"

namespace alignflow {

// A training run between two steps: safetensors with "parameter.N", "average.N" (where one is
// kept), "moment1.N" and "moment2.N" for each parameter, and the number of steps done in the
// header. Random numbers need no place in it, because they depend on the step's number
// (random_stream.h). Throws std::runtime_error naming the file.
void SaveCheckpoint(const std::filesystem::path& file, const AdamW& optimizer, const Ema& ema);

// Puts the run back to where it was saved, or throws std::runtime_error and changes nothing.
void LoadCheckpoint(const std::filesystem::path& file, AdamW& optimizer, Ema& ema);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_TRAINING_CHECKPOINT_H_
