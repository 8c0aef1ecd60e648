#include "worker/alignment/stage2/trajectory.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <optional>
#include <stdexcept>

#include "common/settings/pair_mix.h"
#include "worker/alignment/rollout.h"
#include "worker/flow/path.h"
#include "worker/models/safetensors.h"
#include "worker/sets/image_classes.h"
#include "worker/stores/model_file.h"
#include "worker/tasks/task_error.h"
#include "worker/tasks/task_spec.h"
#include "worker/training/epoch_order.h"

namespace alignflow {
namespace {

// The share of their path that trajectories are made anew: 1 where they start from noise.
double StrengthOf(const TaskSpec& spec) {
  const bool restyles =
      ValueOrThrow(PairMix::Of(spec.settings)).model_kind() == PairKind::kRestyled;
  return restyles ? RealSetting(spec, "restyle.strength") : 1;
}

std::vector<double> TimesOf(const TaskSpec& spec) { return RolloutTimes(1 - StrengthOf(spec)); }

}  // namespace

int64_t FirstTunableIndex(const TaskSpec& spec) {
  const int64_t start = kRolloutSteps + 1 - static_cast<int64_t>(TimesOf(spec).size());
  return std::max(start, IntegerSetting(spec, "align.start_index"));
}

at::Tensor TrajectoryStart(Backbone& model, const at::Tensor& images, const at::Tensor& noise,
                           const std::vector<double>& times) {
  if (times.front() == 0) return noise;
  const at::Tensor t = at::full({noise.size(0)}, times.front(), noise.options());
  return PathPoint(model.codec().Encode(images), noise, t);
}

at::Tensor SourceDetail(Backbone& model, const TaskSpec& spec, const at::Tensor& images,
                        const at::Tensor& noise, const Condition& condition) {
  const double share = RealSetting(spec, "restyle.detail");
  if (share == 0) return {};
  const int64_t last = kRolloutSteps - 1;
  const at::Tensor state =
      TrajectoryStart(model, images, noise, {static_cast<double>(last) / kRolloutSteps});
  return (model.codec().Encode(images) - TunableStep(model, state, last, condition)) * share;
}

Condition ConditionOf(const Backbone& model, const RolloutPool& pool) {
  return model.ConditionOn(
      pool.masks.defined() ? pool.masks.to(model.device()) : model.EncodeMasks(pool.classes),
      pool.image_classes);
}

RolloutPool RollOut(Backbone& frozen, const ImageSet& source, const TaskSpec& spec, int64_t first,
                    int64_t size, const BeforeStep& before_step) {
  const at::NoGradGuard no_grad;
  const uint64_t seed = IntegerSetting(spec, "seed");
  const std::vector<double> times = TimesOf(spec);
  at::Generator random = RandomStream(seed, RandomUse::kRollout, first);
  EpochOrder order(source.size(), seed, RandomUse::kRolloutOrder);
  const at::Device device = frozen.device();
  const at::Tensor items = order.Items(first, size);
  const at::Tensor image_classes = ClassesFor(frozen, source, items);
  const ImageBatch batch =
      TakeBatch(source, items, device,
                frozen.pretrained() ? std::nullopt : std::optional<at::Generator>(random));
  const at::Tensor masks = frozen.EncodeMasks(batch.classes);
  const Condition condition = frozen.ConditionOn(masks, image_classes);
  const at::Tensor noise = DrawNoise(frozen, size, random, device);
  const at::Tensor start = TrajectoryStart(frozen, batch.images, noise, times);
  const int64_t from = FirstTunableIndex(spec);
  return {.states = FrozenRollout(frozen, start, times, from, condition, before_step),
          .detail = times.front() > 0 ? SourceDetail(frozen, spec, batch.images, noise, condition)
                                      : at::Tensor(),
          .classes = batch.classes,
          .masks = frozen.pretrained() ? masks : at::Tensor(),
          .image_classes = image_classes,
          .from = from};
}

RolloutPool Rows(const RolloutPool& pool, const at::Tensor& rows) {
  const auto of = [&](const at::Tensor& all) {
    return all.defined() ? all.index_select(0, rows) : all;
  };
  return {.states = of(pool.states),
          .detail = of(pool.detail),
          .classes = of(pool.classes),
          .masks = of(pool.masks),
          .image_classes = of(pool.image_classes),
          .from = pool.from};
}

RolloutPool Joined(const std::vector<RolloutPool>& pools) {
  const auto joined = [&](at::Tensor RolloutPool::*part) {
    std::vector<at::Tensor> parts;
    for (const RolloutPool& pool : pools) {
      if ((pool.*part).defined()) parts.push_back((pool.*part).cpu());
    }
    return parts.empty() ? at::Tensor() : at::cat(parts);
  };
  return {.states = joined(&RolloutPool::states),
          .detail = joined(&RolloutPool::detail),
          .classes = joined(&RolloutPool::classes),
          .masks = joined(&RolloutPool::masks),
          .image_classes = joined(&RolloutPool::image_classes),
          .from = pools.front().from};
}

void SavePool(const RolloutPool& pool, const std::filesystem::path& file) {
  std::map<std::string, at::Tensor> tensors{{"states", pool.states}, {"classes", pool.classes}};
  if (pool.detail.defined()) tensors.emplace("detail", pool.detail);
  if (pool.masks.defined()) tensors.emplace("masks", pool.masks);
  if (pool.image_classes.defined()) tensors.emplace("image_classes", pool.image_classes);
  WriteSafetensors(file, tensors, {{"from", std::to_string(pool.from)}});
}

RolloutPool LoadPool(const std::filesystem::path& file) {
  const SafetensorsFile saved(file);
  const auto from = saved.metadata().find("from");
  if (from == saved.metadata().end()) {
    throw std::runtime_error(file.string() + " is not a pool of rollouts");
  }
  const auto get = [&](const char* name) {
    return saved.Has(name) ? saved.Get(name) : at::Tensor();
  };
  return {.states = saved.Get("states"),
          .detail = get("detail"),
          .classes = saved.Get("classes"),
          .masks = get("masks"),
          .image_classes = get("image_classes"),
          .from = std::stoll(from->second)};
}

}  // namespace alignflow
