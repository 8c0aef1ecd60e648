#include <memory>
#include <nlohmann/json.hpp>

#include "worker/alignment/rollout.h"
#include "worker/data/image_decode.h"
#include "worker/flow/solver.h"
#include "worker/tasks/image_set.h"
#include "worker/tasks/model_file.h"
#include "worker/tasks/pixels.h"
#include "worker/tasks/task_error.h"
#include "worker/tasks/task_kinds.h"
#include "worker/tasks/task_progress.h"
#include "worker/tasks/task_spec.h"
#include "worker/tasks/trajectory.h"
#include "worker/training/epoch_order.h"

namespace alignflow {
namespace {

// Pairs are always computed in the groups 1..16, 17..32, ..., whichever of them a shard asks for:
// the last bits of a convolution may depend on the batch, and a pair's bytes must not depend on the
// shard.
constexpr int64_t kGroup = 16;

}  // namespace

// Images for the source's masks, in shards.
TaskOutputs RunGenerate(const TaskSpec& spec, TaskContext& context) {
  const at::Device device = DeviceOf(context);
  const uint64_t seed = IntegerSetting(spec, "seed");
  const int64_t first = IntegerSetting(spec, "first_pair");
  const int64_t last = IntegerSetting(spec, "last_pair");
  const int64_t steps = IntegerSetting(spec, "generate.steps");
  const double guidance = RealSetting(spec, "generate.guidance");
  const double strength = RealSetting(spec, "generate.strength");
  const std::string preset = TextSetting(spec, "preset");
  if (first < 1 || last < first) {
    throw TaskError(
        absl::InvalidArgumentError("first_pair and last_pair must be 1 <= first <= last"));
  }
  ProgressReporter progress(context, last - first + 1, "images");

  const ImageSet source = LoadImageSet(context, Input(spec, "source"), ImageSize(spec));
  const auto model = LoadModel(context, spec, Input(spec, "model"), source);
  model->Freeze();
  const std::unique_ptr<VelocityModel> velocity = model->Guided(guidance);
  std::vector<double> times = model->SamplingTimes(steps, 1 - strength);
  // The hand-over: the stage-1 model leads up to where stage 2 began to tune, and the aligned model
  // takes the one step from there that it was trained for. On every step it would change the style
  // again and again.
  const bool has_stage1 = spec.inputs.contains("stage1");
  const bool handover = has_stage1 && TextSetting(spec, "generate.path") == "handover";
  const bool gives_detail = RealSetting(spec, "generate.detail") > 0 && strength < 1;
  std::unique_ptr<Backbone> stage1;
  if (handover || (has_stage1 && gives_detail)) {
    stage1 = LoadModel(context, spec, Input(spec, "stage1"), source);
    stage1->Freeze();
  }
  if (handover) {
    const double last = static_cast<double>(FirstTunableIndex(spec)) / kRolloutSteps;
    std::erase_if(times, [&](double time) { return time > last - 0.25 / kRolloutSteps; });
    if (times.empty()) times = {last};
    if (times.back() < last) times.push_back(last);
  }
  const std::unique_ptr<VelocityModel> lead = handover ? stage1->Guided(guidance) : nullptr;

  EpochOrder order(source.size(), seed, RandomUse::kPairMask);
  std::string lines;
  const at::NoGradGuard no_grad;
  for (int64_t begin = (first - 1) / kGroup * kGroup; begin < last; begin += kGroup) {
    const at::Tensor items = order.Items(begin, kGroup);
    const ImageBatch origin = TakeBatch(source, items, device);
    const Condition condition = model->ConditionOn(model->EncodeMasks(origin.classes));
    std::vector<at::Tensor> noises;
    for (int64_t i = begin; i < begin + kGroup; ++i) {
      noises.push_back(DrawNoise(*model, 1, RandomStream(seed, RandomUse::kPairNoise, i), device));
    }
    const at::Tensor noise = at::cat(noises);
    const at::Tensor start = TrajectoryStart(*model, origin.images, noise, times);
    at::Tensor latent = SolveEuler(lead ? *lead : *velocity, start, times, condition,
                                   [&](int64_t) { progress.ThrowIfCancelled(); });
    if (lead) latent = EulerStep(*velocity, latent, times.back(), 1, condition);
    const at::Tensor detail =
        SourceDetail(stage1 ? *stage1 : *model, spec, origin.images, noise, condition);
    if (detail.defined()) latent = latent + detail;
    const at::Tensor images = BytesFromImages(model->codec().Decode(latent));
    for (int64_t i = std::max(begin, first - 1); i < std::min(begin + kGroup, last); ++i) {
      const int64_t row = i - begin;
      nlohmann::json record{{"pair", i + 1},
                            {"seed", seed},
                            {"preset", preset},
                            {"model", Input(spec, "model")},
                            {"steps", steps},
                            {"guidance", guidance},
                            {"strength", strength},
                            {"detail", RealSetting(spec, "generate.detail")},
                            {"path", handover ? "handover" : "aligned"},
                            {"mask", source.names[items[row].item<int64_t>()]},
                            {"synthetic", true}};
      for (const char* name : {"weights", "prompt"}) {  // of pretrained models
        if (spec.settings.contains(name)) record[name] = TextSetting(spec, name);
      }
      const nlohmann::json pair{
          {"pair", i + 1},
          {"image",
           ValueOrThrow(context.Store(ValueOrThrow(EncodePng(ImageOfTensor(images[row])))))},
          {"mask", ValueOrThrow(context.Store(
                       ValueOrThrow(EncodePng(MaskOfTensor(origin.classes[row], source.labels)))))},
          {"record", record}};
      lines += pair.dump() + "\n";
    }
    progress.Report(std::min(begin + kGroup, last) - first + 1);
  }
  return {{"pairs", ValueOrThrow(context.Store(lines))}};
}

}  // namespace alignflow
