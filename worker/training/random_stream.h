#ifndef ALIGNFLOW_WORKER_TRAINING_RANDOM_STREAM_H_
#define ALIGNFLOW_WORKER_TRAINING_RANDOM_STREAM_H_

#include <ATen/core/Generator.h>

#include <cstdint>

namespace alignflow {

// What random numbers are drawn for. Uses that must not share numbers have names of their own.
// The values are part of what a seed means: never reorder them.
enum class RandomUse : uint32_t {
  kFitOrder = 1,
  kFitStep = 2,
  kRolloutOrder = 3,
  kRollout = 4,
  kAlignOrder = 5,
  kAlignStep = 6,
  kPairMask = 7,
  kPairNoise = 8,
  kStyleStart = 9,
  kPairAttempt = 10,
  kJudgeOrder = 11,
  kJudgeStep = 12,
  kEvaluateOrder = 13,
  kEvaluateStep = 14,
  kFitMasksOrder = 15,
  kFitMasksStep = 16,
  kMaskNoise = 17,
  kBootstrap = 18,
  kEmbedding = 19,
  kTransfer = 20,
  kPairStyle = 21,
  kPairFrame = 22,
  kPairScale = 23,
};

// A CPU generator that depends on nothing but (seed, use, index), so that step `index` of a run
// that was interrupted, or pair `index` of another shard, draws the same numbers. Draw on the CPU
// and move the tensor: then every device sees the same numbers, too.
at::Generator RandomStream(uint64_t seed, RandomUse use, uint64_t index = 0);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_TRAINING_RANDOM_STREAM_H_
