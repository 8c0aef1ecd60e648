#include "worker/tasks/trajectory.h"

#include <algorithm>
#include <stdexcept>

#include "worker/alignment/rollout.h"
#include "worker/flow/path.h"
#include "worker/models/safetensors.h"
#include "worker/tasks/model_file.h"
#include "worker/tasks/task_spec.h"
#include "worker/training/epoch_order.h"

namespace alignflow {
namespace {

std::vector<double> TimesOf(const TaskSpec& spec) {
  return RolloutTimes(1 - RealSetting(spec, "generate.strength"));
}

}  // namespace

int64_t FirstTunableIndex(const TaskSpec& spec) {
  const int64_t start = kRolloutSteps + 1 - static_cast<int64_t>(TimesOf(spec).size());
  return std::max(start, IntegerSetting(spec, "align.start_index"));
}

at::Tensor TrajectoryStart(Backbone& model, const at::Tensor& images, const at::Tensor& noise,
                           const std::vector<double>& times) {
  const at::Tensor t = at::full({noise.size(0)}, times.front(), noise.options());
  return PathPoint(model.codec().Encode(images), noise, t);
}

at::Tensor SourceDetail(Backbone& model, const TaskSpec& spec, const at::Tensor& images,
                        const at::Tensor& noise, const Condition& condition) {
  const double share = RealSetting(spec, "generate.detail");
  if (share == 0 || RealSetting(spec, "generate.strength") == 1) return {};
  const int64_t last = kRolloutSteps - 1;
  const at::Tensor state =
      TrajectoryStart(model, images, noise, {static_cast<double>(last) / kRolloutSteps});
  return (model.codec().Encode(images) - TunableStep(model, state, last, condition)) * share;
}

RolloutPool RollOut(Backbone& frozen, const ImageSet& source, const TaskSpec& spec, int64_t first,
                    int64_t size, const BeforeStep& before_step) {
  const at::NoGradGuard no_grad;
  const uint64_t seed = IntegerSetting(spec, "seed");
  const std::vector<double> times = TimesOf(spec);
  at::Generator random = RandomStream(seed, RandomUse::kRollout, first);
  EpochOrder order(source.size(), seed, RandomUse::kRolloutOrder);
  const at::Device device = frozen.align_parameters().front().device();
  const ImageBatch batch = TakeBatch(source, order.Items(first, size), device, random);
  const at::Tensor noise = DrawNoise(frozen, size, random, device);
  const at::Tensor start = TrajectoryStart(frozen, batch.images, noise, times);
  const int64_t from = FirstTunableIndex(spec);
  return {.states = FrozenRollout(frozen, start, times, from, batch.condition, before_step),
          .detail = SourceDetail(frozen, spec, batch.images, noise, batch.condition),
          .classes = batch.classes,
          .from = from};
}

RolloutPool Rows(const RolloutPool& pool, const at::Tensor& rows) {
  return {.states = pool.states.index_select(0, rows),
          .detail = pool.detail.defined() ? pool.detail.index_select(0, rows) : at::Tensor(),
          .classes = pool.classes.index_select(0, rows),
          .from = pool.from};
}

RolloutPool Joined(const std::vector<RolloutPool>& pools) {
  std::vector<at::Tensor> states, detail, classes;
  for (const RolloutPool& pool : pools) {
    states.push_back(pool.states.cpu());
    if (pool.detail.defined()) detail.push_back(pool.detail.cpu());
    classes.push_back(pool.classes);
  }
  return {.states = at::cat(states),
          .detail = detail.empty() ? at::Tensor() : at::cat(detail),
          .classes = at::cat(classes),
          .from = pools.front().from};
}

void SavePool(const RolloutPool& pool, const std::filesystem::path& file) {
  std::map<std::string, at::Tensor> tensors{{"states", pool.states}, {"classes", pool.classes}};
  if (pool.detail.defined()) tensors.emplace("detail", pool.detail);
  WriteSafetensors(file, tensors, {{"from", std::to_string(pool.from)}});
}

RolloutPool LoadPool(const std::filesystem::path& file) {
  const SafetensorsFile saved(file);
  const auto from = saved.metadata().find("from");
  if (from == saved.metadata().end()) {
    throw std::runtime_error(file.string() + " is not a pool of rollouts");
  }
  return {.states = saved.Get("states").clone(),
          .detail = saved.Has("detail") ? saved.Get("detail").clone() : at::Tensor(),
          .classes = saved.Get("classes").clone(),
          .from = std::stoll(from->second)};
}

}  // namespace alignflow
