#include "worker/tasks/model_file.h"

#include "absl/strings/str_cat.h"
#include "worker/tasks/task_error.h"

namespace alignflow {
namespace {

constexpr char kLabels[] = "labels";
constexpr char kStage[] = "stage";

}  // namespace

at::Device DeviceOf(const TaskContext& context) { return at::Device(context.device()); }

std::unique_ptr<UNetBackbone> LoadModel(TaskContext& context, const std::string& digest,
                                        const LabelTable& labels) {
  std::map<std::string, std::string> metadata;
  auto model =
      UNetBackbone::Load(ValueOrThrow(context.Fetch(digest)), DeviceOf(context), &metadata);
  if (metadata[kLabels] != labels.ToString()) {
    throw TaskError(absl::InvalidArgumentError(
        absl::StrCat("the model was fitted to masks with the labels ", metadata[kLabels],
                     ", but the dataset's are ", labels.ToString())));
  }
  model->set_compute_dtype(at::kBFloat16);
  return model;
}

std::string StoreModel(TaskContext& context, UNetBackbone& model, const LabelTable& labels,
                       int stage) {
  const std::filesystem::path file = context.scratch() / "model.safetensors";
  model.Save(file, {{kLabels, labels.ToString()}, {kStage, std::to_string(stage)}});
  return ValueOrThrow(context.StoreFile(file));
}

at::Tensor DrawNoise(const Backbone& model, int64_t count, at::Generator generator,
                     at::Device device) {
  std::vector<int64_t> shape = model.latent_shape();
  shape.insert(shape.begin(), count);
  return at::randn(shape, generator).to(device);
}

}  // namespace alignflow
