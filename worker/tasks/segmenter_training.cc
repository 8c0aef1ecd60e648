#include "worker/tasks/segmenter_training.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "worker/stores/efficientnet_file.h"
#include "worker/stores/model_file.h"
#include "worker/tasks/task_error.h"
#include "worker/tasks/training_task.h"
#include "worker/training/augmentation.h"
#include "worker/training/epoch_order.h"

namespace alignflow {
namespace {

constexpr double kSegmenterWarmUp = 0.1;  // of the steps
constexpr int64_t kSettleBatches = 16;
constexpr char kUNet[] = "unet";
constexpr char kLiteUNet[] = "unet-lite0";
constexpr char kLiteEncoder[] = "lite0";

// The batches of a training, real and synthetic.
class Batches {
 public:
  Batches(const SegmenterTraining& training, at::Device device)
      : training_(training),
        device_(device),
        synthetic_(training.synthetic == nullptr ? 0
                                                 : std::lround(static_cast<double>(training.batch) *
                                                               training.synthetic_share)),
        real_order_(training.rows.defined() ? training.rows.size(0) : training.real.size(),
                    training.seed, training.order) {
    // Another seed, or equally many real and synthetic images would come in the same order.
    if (synthetic_ > 0) {
      synthetic_order_.emplace(training.synthetic->size(), ~training.seed, training.order);
    }
  }

  ImageBatch Take(int64_t step) {
    at::Generator random = RandomStream(training_.seed, training_.step, step);
    const int64_t real = training_.batch - synthetic_;
    ImageBatch batch;
    if (real > 0) {
      at::Tensor items = real_order_.Items(step * real, real);
      if (training_.rows.defined()) items = training_.rows.index_select(0, items);
      batch = TakeBatch(training_.real, items, device_, random);
    }
    if (synthetic_ > 0) {
      const ImageBatch added =
          TakeBatch(*training_.synthetic, synthetic_order_->Items(step * synthetic_, synthetic_),
                    device_, random);
      batch.images = real > 0 ? at::cat({batch.images, added.images}) : added.images;
      batch.classes = real > 0 ? at::cat({batch.classes, added.classes}) : added.classes;
    }
    if (training_.augment == Augment::kOrdinary || training_.augment == Augment::kScaling) {
      const auto& window = training_.augment == Augment::kOrdinary ? Cropped : Scaled;
      ImagesAndClasses shown = window({batch.images, batch.classes}, random);
      batch.images = OrdinaryColours(shown.images, random);
      batch.classes = std::move(shown.classes);
    } else if (training_.augment == Augment::kStrong) {
      batch.images = StrongColours(batch.images, random);
    }
    return batch;
  }

 private:
  const SegmenterTraining& training_;
  at::Device device_;
  int64_t synthetic_;
  EpochOrder real_order_;
  std::optional<EpochOrder> synthetic_order_;
};

}  // namespace

NewSegmenter MakeSegmenterOf(const TaskContext& context, const std::string& name, int64_t classes,
                             int64_t size, uint64_t seed, int64_t dims) {
  std::filesystem::path weights;
  if (name == kLiteUNet) {
    weights = EfficientNetFile(context, kLiteEncoder);
  } else if (!context.models_dir().empty()) {
    weights = context.models_dir() / name;
  }
  std::error_code error;
  if (name != kUNet && !std::filesystem::exists(weights, error)) {
    throw TaskError(absl::FailedPreconditionError(absl::StrCat(
        "the segmenter ", name, " begins with published weights, and this worker has no ",
        name == kLiteUNet ? EfficientNetFileName(kLiteEncoder)
                          : absl::StrCat("folder ", name, " in its --models-dir"),
        "; bring them, or choose unet (judge.segmenter, evaluate.segmenter)")));
  }
  return MakeSegmenter(name, classes, size, seed, DeviceOf(context), weights, dims);
}

void TrainSegmenter(TaskContext& context, ProgressReporter& progress, Segmenter& model,
                    const SegmenterTraining& training) {
  const at::Device device = DeviceOf(context);
  TrainingOptions options{
      .iterations = training.iterations,
      .warm_up = std::lround(kSegmenterWarmUp * static_cast<double>(training.iterations)),
      .learning_rate = training.learning_rate};
  Batches batches(training, device);
  std::vector<at::Tensor> parameters;
  for (const auto& parameter : model.named_parameters()) {
    parameters.push_back(parameter.value());
    options.rate_scales.push_back(model.RateScale(parameter.key()));
  }
  model.train();
  TrainUnder(context, progress, parameters, options, [&](int64_t step) {
    const ImageBatch batch = batches.Take(step);
    const at::Tensor loss = SegmentationLoss(model.Logits(batch.images), batch.classes.to(device));
    return StepLoss{loss, {{"loss", loss.item<double>()}}};
  });
  const at::NoGradGuard no_grad;
  model.Settle([&](int64_t batch) { return batches.Take(batch).images; },
               std::min(kSettleBatches, training.iterations));
  model.eval();
}

}  // namespace alignflow
