// Stage 2 with rollouts from a pool made once beside rollouts made anew in every step (the paper's
// literal algorithm): time per step and the alignment reached, on made-up images, in one run.
//   benchmark_rollout_modes [steps] [batch] [pool]
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>

#include "worker/alignment/align_step.h"
#include "worker/alignment/filter_bank.h"
#include "worker/alignment/mmd.h"
#include "worker/alignment/rollout.h"
#include "worker/models/unet/backbone.h"
#include "worker/training/epoch_order.h"
#include "worker/training/training_loop.h"
#include "worker/training/velocity_loss.h"

namespace alignflow {
namespace {

constexpr int64_t kSize = 64;
constexpr int64_t kImages = 96;
constexpr int64_t kReferences = 10;
constexpr int64_t kFitSteps = 150;
constexpr int64_t kFitBatch = 8;
constexpr int64_t kHeldOut = 64;
constexpr int64_t kStart = 18;
constexpr uint64_t kSeed = 1;

struct Data {
  at::Tensor images;      // [N,3,S,S]
  at::Tensor masks;       // [N,2,S,S]
  at::Tensor references;  // [10,3,S,S]
};

// A bright disc on a soft ground; the references are the same under a warmer, darker light.
at::Tensor Discs(const at::Tensor& masks, const at::Tensor& colour, at::Generator random) {
  const at::Tensor soft =
      at::upsample_bilinear2d(at::randn({masks.size(0), 1, 8, 8}, random), {kSize, kSize}, false);
  const at::Tensor light = 0.2 * at::randn({masks.size(0), 3, 1, 1}, random);
  const at::Tensor grain = 0.05 * at::randn({masks.size(0), 3, kSize, kSize}, random);
  const at::Tensor ground = colour.view({1, 3, 1, 1}) + light + 0.15 * soft + grain;
  return (ground + 0.4 * masks.slice(1, 1)).clamp(-1, 1);
}

at::Tensor DiscMasks(int64_t count, at::Generator random) {
  const at::Tensor axis = at::linspace(-1, 1, kSize);
  const at::Tensor centre = at::rand({count, 2}, random) - 0.5;
  const at::Tensor radius = 0.2 + 0.25 * at::rand({count, 1, 1}, random);
  const at::Tensor dx = axis.view({1, 1, kSize}) - centre.select(1, 0).view({count, 1, 1});
  const at::Tensor dy = axis.view({1, kSize, 1}) - centre.select(1, 1).view({count, 1, 1});
  const at::Tensor inside = ((dx.square() + dy.square()) < radius.square()).to(at::kFloat);
  return at::stack({1 - inside, inside}, 1);
}

Data MakeData() {
  at::Generator random = RandomStream(kSeed, RandomUse::kFitOrder);
  const at::Tensor masks = DiscMasks(kImages, random);
  const at::Tensor images = Discs(masks, at::tensor({0.1f, -0.2f, -0.3f}), random);
  return {.images = images,
          .masks = masks,
          .references =
              Discs(DiscMasks(kReferences, random), at::tensor({0.2f, -0.3f, -0.5f}), random)};
}

Condition MasksOf(const at::Tensor& masks) {
  Condition condition;
  condition.mask = masks;
  return condition;
}

at::Tensor Noise(const Backbone& model, int64_t count, at::Generator random) {
  std::vector<int64_t> shape = model.latent_shape();
  shape.insert(shape.begin(), count);
  return at::randn(shape, random);
}

// Trains without progress and checkpoints; returns the seconds per step.
double TrainFor(const std::vector<at::Tensor>& parameters, int64_t steps, double rate,
                std::function<at::Tensor(int64_t)> loss) {
  const auto start = std::chrono::steady_clock::now();
  Train(parameters,
        {.iterations = steps, .warm_up = 10, .learning_rate = rate, .ema = 0.98, .file = {}},
        {.loss =
             [&](int64_t step) {
               return StepLoss{loss(step), {}};
             },
         .progress = [](int64_t, const auto&) {},
         .checkpoint = {},
         .before_step = [] {}});
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  return seconds.count() / static_cast<double>(steps);
}

void Fit(UNetBackbone& model, const Data& data) {
  EpochOrder order(kImages, kSeed, RandomUse::kFitOrder);
  TrainFor(model.fit_parameters(), kFitSteps, 1e-3, [&](int64_t step) {
    at::Generator random = RandomStream(kSeed, RandomUse::kFitStep, step);
    const at::Tensor items = order.Items(step * kFitBatch, kFitBatch);
    return VelocityLoss(model, model.codec().Encode(data.images.index_select(0, items)),
                        Noise(model, kFitBatch, random), DrawTimes(kFitBatch, random),
                        MasksOf(data.masks.index_select(0, items)));
  });
}

struct Rollouts {
  at::Tensor states;  // [P,20-kStart,C,h,w]
  at::Tensor masks;
};

Rollouts RollOut(Backbone& frozen, const Data& data, int64_t count, at::Generator random) {
  const at::Tensor items = at::randint(kImages, {count}, random, at::kLong);
  const at::Tensor masks = data.masks.index_select(0, items);
  return {
      FrozenRollout(frozen, Noise(frozen, count, random), RolloutTimes(0), kStart, MasksOf(masks)),
      masks};
}

struct Result {
  double pool_seconds;
  double step_seconds;
  double mmd;  // of held-out rollouts' images to the references
};

Result Align(UNetBackbone& stage1, const Data& data, const FilterBank& bank, int64_t steps,
             int64_t batch, int64_t pool_size) {
  const std::unique_ptr<Backbone> frozen = stage1.Clone(), tuned = stage1.Clone();
  for (const at::Tensor& parameter : tuned->align_parameters()) parameter.requires_grad_(true);
  const at::Tensor references = bank.Features(data.references);
  const auto start = std::chrono::steady_clock::now();
  Rollouts pool;
  if (pool_size > 0) {
    std::vector<at::Tensor> states, masks;
    for (int64_t first = 0; first < pool_size; first += batch) {
      const Rollouts part = RollOut(*frozen, data, std::min(batch, pool_size - first),
                                    RandomStream(kSeed, RandomUse::kRollout, first));
      states.push_back(part.states);
      masks.push_back(part.masks);
    }
    pool = {at::cat(states), at::cat(masks)};
  }
  const std::chrono::duration<double> pool_seconds = std::chrono::steady_clock::now() - start;

  const auto batch_of = [&](const Rollouts& from, const at::Tensor& rows, int64_t state) {
    RolloutBatch drawn;
    drawn.states = from.states.select(1, state).index_select(0, rows);
    drawn.index = kStart + state;
    drawn.condition = MasksOf(from.masks.index_select(0, rows));
    return drawn;
  };
  Result result{.pool_seconds = pool_seconds.count(), .step_seconds = 0, .mmd = 0};
  result.step_seconds = TrainFor(tuned->align_parameters(), steps, 5e-4, [&](int64_t step) {
    at::Generator random = RandomStream(kSeed, RandomUse::kAlignStep, step);
    const Rollouts fresh = pool_size > 0 ? Rollouts{} : RollOut(*frozen, data, batch, random);
    const Rollouts& from = pool_size > 0 ? pool : fresh;
    const at::Tensor rows =
        pool_size > 0 ? at::randint(pool_size, {batch}, random, at::kLong) : at::arange(batch);
    const int64_t state = step % (kRolloutSteps - kStart);
    return AlignmentLoss(*tuned, tuned->codec(), bank, batch_of(from, rows, state), references);
  });

  const at::NoGradGuard no_grad;
  const Rollouts held_out =
      RollOut(*frozen, data, kHeldOut, RandomStream(kSeed, RandomUse::kPairNoise));
  result.mmd = AlignmentLoss(*tuned, tuned->codec(), bank,
                             batch_of(held_out, at::arange(kHeldOut), 0), references)
                   .item<double>();
  return result;
}

int Main(int argc, char** argv) {
  const auto argument = [&](int index, int64_t otherwise) {
    return argc > index ? std::atoll(argv[index]) : otherwise;
  };
  const int64_t steps = argument(1, 40), batch = argument(2, 16), pool = argument(3, 128);
  const Data data = MakeData();
  UNetBackbone model(UNetPreset("unet-64", 2), kSeed);
  model.codec().blocks().Fit(data.images);
  model.set_compute_dtype(at::kBFloat16);
  Fit(model, data);
  FilterBank bank;
  bank.Fit(RawFilterBank(data.images));
  const Result none = Align(model, data, bank, 0, batch, 1);
  const Result pooled = Align(model, data, bank, steps, batch, pool);
  const Result fresh = Align(model, data, bank, steps, batch, 0);
  std::printf(
      "Stage 2, %ld steps of %ld rollouts from step %ld of %ld, %d threads; MMD of %ld held-out "
      "images: %.3f before\n\n",
      steps, batch, kStart, kRolloutSteps, at::get_num_threads(), kHeldOut, none.mmd);
  std::printf(
      "| align.rollout | pool made in | time per step | in all | MMD to the references |\n");
  std::printf("| --- | --- | --- | --- | --- |\n");
  for (const auto& [name, result] : {std::pair{"pool", pooled}, {"fresh", fresh}}) {
    std::printf("| %s | %.1f s | %.3f s | %.1f s | %.3f |\n", name, result.pool_seconds,
                result.step_seconds,
                result.pool_seconds + result.step_seconds * static_cast<double>(steps), result.mmd);
  }
  std::printf("\nA pool of %ld serves every later set of references on the same stage-1 model.\n",
              pool);
  return 0;
}

}  // namespace
}  // namespace alignflow

int main(int argc, char** argv) { return alignflow::Main(argc, argv); }
