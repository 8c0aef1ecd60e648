#include <ATen/core/grad_mode.h>

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "worker/data/image_decode.h"
#include "worker/flow/solver.h"
#include "worker/masks/mask_choice.h"
#include "worker/masks/mask_rules_json.h"
#include "worker/sets/image_classes.h"
#include "worker/sets/pixels.h"
#include "worker/sets/prepared_set.h"
#include "worker/stores/mask_model.h"
#include "worker/stores/model_file.h"
#include "worker/tasks/task_error.h"
#include "worker/tasks/task_kinds.h"
#include "worker/tasks/task_progress.h"
#include "worker/tasks/task_spec.h"

namespace alignflow {
namespace {

// Masks are made in the groups 1..16, 17..32, ... of pairs, as images are, so that a mask's bytes
// do not depend on the shard.
constexpr int64_t kMaskGroup = 16;
// Times that masks.candidates are made before a real mask is moved instead.
constexpr int64_t kRounds = 3;
constexpr int64_t kMostCandidates = 64;  // of masks.candidates: how far apart random streams lie

// Candidates for a group in a round: uint8 [16,C,S,S].
class MaskMaker {
 public:
  MaskMaker(MaskFlow& model, uint64_t seed, int64_t candidates, const BeforeStep& before_step)
      : model_(model), seed_(seed), candidates_(candidates), before_step_(before_step) {}

  at::Tensor Make(int64_t begin, int64_t round) const {
    const at::NoGradGuard no_grad;
    std::vector<at::Tensor> made;
    // One candidate of each pair at a time: the batch, and with it the last bits, stay the same
    // however many are asked for.
    for (int64_t candidate = 0; candidate < candidates_; ++candidate) {
      std::vector<at::Tensor> noises;
      for (int64_t i = begin; i < begin + kMaskGroup; ++i) {
        const int64_t stream = (i * kRounds + round) * kMostCandidates + candidate;
        noises.push_back(DrawNoise(model_, 1, RandomStream(seed_, RandomUse::kMaskNoise, stream),
                                   model_.device()));
      }
      const at::Tensor latent = SolveEuler(model_, at::cat(noises), model_.SamplingTimes(),
                                           model_.SamplingCondition(kMaskGroup), before_step_);
      made.push_back(model_.Decode(latent));
    }
    return at::stack(made, 1);
  }

 private:
  MaskFlow& model_;
  uint64_t seed_;
  int64_t candidates_;
  const BeforeStep& before_step_;
};

}  // namespace

// New masks for pairs first_pair to last_pair, each made for the real mask that the pair would
// have.
TaskOutputs RunMasks(const TaskSpec& spec, TaskContext& context) {
  const uint64_t seed = IntegerSetting(spec, "seed");
  const int64_t first = IntegerSetting(spec, "first_pair");
  const int64_t last = IntegerSetting(spec, "last_pair");
  if (first < 1 || last < first) {
    throw TaskError(
        absl::InvalidArgumentError("first_pair and last_pair must be 1 <= first <= last"));
  }
  ProgressReporter progress(context, last - first + 1, "masks");
  const ImageSet source = LoadPrepared(context, spec, "source");
  const RealMasks real(
      source, MaskRulesFromJson(FetchBytes(context, Input(spec, "rules")), source.labels.classes(),
                                static_cast<int>(source.images.size(2))));
  const auto model = LoadMaskFlow(context, spec, Input(spec, "model"), source);
  const BeforeStep unless_cancelled = [&](int64_t) { progress.ThrowIfCancelled(); };
  const MaskMaker maker(*model, seed, IntegerSetting(spec, "masks.candidates"), unless_cancelled);

  PairItems order = PairItemsOf(spec, source);
  std::string lines;
  int64_t moved = 0;
  for (int64_t begin = (first - 1) / kMaskGroup * kMaskGroup; begin < last; begin += kMaskGroup) {
    const at::Tensor items = order.Items(begin, kMaskGroup);
    std::vector<at::Tensor> rounds;  // made when they are needed
    for (int64_t i = std::max(begin, first - 1); i < std::min(begin + kMaskGroup, last); ++i) {
      const int64_t origin = items[i - begin].item<int64_t>();
      RealMasks::Choice choice;
      for (int64_t round = 0; round < kRounds && !choice.mask.defined(); ++round) {
        if (round == static_cast<int64_t>(rounds.size()))
          rounds.push_back(maker.Make(begin, round));
        choice = real.Choose(rounds[round][i - begin], origin);
      }
      const bool was_moved = !choice.mask.defined();
      if (was_moved) {
        // The last stream of the pair's, which no candidate takes.
        const int64_t stream = -1 - i;
        choice = real.Moved(origin, RandomStream(seed, RandomUse::kMaskNoise, stream));
        progress.set_note(absl::StrCat(
            ++moved, " masks are real ones, moved: the mask model made none that could be used"));
      }
      nlohmann::json line{{"pair", i + 1},
                          {"mask", ValueOrThrow(context.Store(ValueOrThrow(EncodeMask(
                                       MaskOfTensor(choice.mask, source.labels), source.labels))))},
                          {"origin", source.names[origin]},
                          {"similarity", choice.similarity}};
      if (was_moved) line["moved"] = true;
      lines += line.dump() + "\n";
    }
    progress.Report(std::min(begin + kMaskGroup, last) - first + 1);
  }
  return {{"masks", ValueOrThrow(context.Store(lines))}};
}

}  // namespace alignflow
