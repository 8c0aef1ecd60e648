#ifndef ALIGNFLOW_WORKER_TRAINING_CHECKPOINT_H_
#define ALIGNFLOW_WORKER_TRAINING_CHECKPOINT_H_

#include <filesystem>
#include <string>
#include <vector>

#include "worker/training/ema.h"
#include "worker/training/optimizer.h"

namespace alignflow {

// What a run keeps besides optimiser and average.
struct CheckpointExtra {
  std::vector<at::Tensor> best;  // the best state so far, a tensor a parameter; may be empty
  std::string notes;             // any text
};

// A training run between two steps: safetensors with "parameter.N", "average.N" (where one is
// kept), "best.N" (likewise), "moment1.N" and "moment2.N" for each parameter, and the number of
// steps done and the notes in the header. Random numbers need no place in it, because they depend
// on the step's number (random_stream.h). Throws std::runtime_error naming the file.
void SaveCheckpoint(const std::filesystem::path& file, const AdamW& optimizer, const Ema& ema,
                    const CheckpointExtra& extra);

// Puts the run back to where it was saved. Copies into the tensors of `best`, which must be empty
// if and only if the saved one was. Throws std::runtime_error and changes nothing if the file is
// not a checkpoint of such a run.
void LoadCheckpoint(const std::filesystem::path& file, AdamW& optimizer, Ema& ema,
                    const std::vector<at::Tensor>& best);

// The notes alone. Throws std::runtime_error for a file that cannot be read.
std::string CheckpointNotes(const std::filesystem::path& file);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_TRAINING_CHECKPOINT_H_
