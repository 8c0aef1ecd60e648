#include "worker/pairs/pair_maker.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>

#include "worker/alignment/rollout.h"
#include "worker/alignment/stage2/trajectory.h"
#include "worker/flow/solver.h"
#include "worker/sets/image_classes.h"
#include "worker/stores/model_file.h"
#include "worker/tasks/task_spec.h"

namespace alignflow {
namespace {

Solver SolverOf(const TaskSpec& spec) {
  const SolverKind kind = SolverNamed(TextSetting(spec, "generate.solver"));
  if (kind != SolverKind::kDopri5) return kind;
  return {kind,
          {.rtol = RealSetting(spec, "generate.rtol"), .atol = RealSetting(spec, "generate.atol")}};
}

}  // namespace

PairMaker::PairMaker(TaskContext& context, const TaskSpec& spec, const ImageSet& source,
                     std::function<void()> unless_cancelled)
    : spec_(spec),
      source_(source),
      unless_cancelled_(std::move(unless_cancelled)),
      device_(DeviceOf(context)),
      model_(LoadModel(context, spec, Input(spec, "model"), source)) {
  model_->Freeze();
  const double guidance = RealSetting(spec, "generate.guidance");
  velocity_ = model_->Guided(guidance);
  // The hand-over: the stage-1 model leads up to where stage 2 began to tune, and the aligned model
  // takes the one step from there that it was trained for. On every step it would change the style
  // again and again.
  const bool has_stage1 = spec.inputs.contains("stage1");
  const bool hands_over = has_stage1 && TextSetting(spec, "generate.path") == "handover";
  const bool gives_detail = RealSetting(spec, "restyle.detail") > 0;
  // A style head is the only thing that tells an aligned U-Net model from its stage-1 model.
  shares_style_ = has_stage1 && RealSetting(spec, "restyle.least_style") < 1 &&
                  TextSetting(spec, "align.tune") == "style";
  if (hands_over || (has_stage1 && gives_detail) || shares_style_) {
    stage1_ = LoadModel(context, spec, Input(spec, "stage1"), source);
    stage1_->Freeze();
  }
  if (hands_over) lead_ = stage1_->Guided(guidance);
}

std::vector<double> PairMaker::Times(double strength) const {
  std::vector<double> times =
      model_->SamplingTimes(IntegerSetting(spec_, "generate.steps"), 1 - strength);
  if (!lead_) return times;
  const double last = static_cast<double>(FirstTunableIndex(spec_)) / kRolloutSteps;
  std::erase_if(times, [&](double time) { return time > last - 0.25 / kRolloutSteps; });
  if (times.empty()) times = {last};
  if (times.back() < last) times.push_back(last);
  return times;
}

at::Tensor PairMaker::Images(const Request& request) const {
  const at::NoGradGuard no_grad;
  const uint64_t seed = IntegerSetting(spec_, "seed");
  const bool restyles = request.starts.defined();
  const std::vector<double> times = Times(restyles ? RealSetting(spec_, "restyle.strength") : 1);
  const at::Tensor starts = restyles ? request.starts.to(device_) : at::Tensor();
  const Condition condition = model_->ConditionOn(
      model_->EncodeMasks(request.classes),
      request.items.defined() ? ClassesFor(*model_, source_, request.items) : at::Tensor());
  std::vector<at::Tensor> noises;
  for (const uint64_t number : request.noise) {
    noises.push_back(DrawNoise(*model_, 1, RandomStream(seed, request.use, number), device_));
  }
  const at::Tensor noise = at::cat(noises);
  at::Tensor latent = Solve(SolverOf(spec_), lead_ ? *lead_ : *velocity_,
                            TrajectoryStart(*model_, starts, noise, times), times, condition,
                            [&](int64_t) { unless_cancelled_(); });
  if (lead_) latent = EulerStep(*velocity_, latent, times.back(), 1, condition);
  if (restyles) {
    const at::Tensor detail =
        SourceDetail(stage1_ ? *stage1_ : *model_, spec_, starts, noise, condition);
    if (detail.defined()) latent = latent + detail;
  }
  at::Tensor images = model_->codec().Decode(latent);
  if (shares_style_ && !request.style.empty()) {
    std::vector<int64_t> per_image(images.dim(), 1);
    per_image[0] = -1;
    const at::Tensor share = at::tensor(request.style, images.options()).view(per_image);
    images = at::lerp(stage1_->codec().Decode(latent), images, share);
  }
  return BytesFromImages(images);
}

}  // namespace alignflow
