#include "worker/stores/model_file.h"

#include "absl/strings/str_cat.h"
#include "common/settings/settings.h"
#include "worker/models/unet/backbone.h"
#include "worker/models/unet/memory.h"
#include "worker/sets/image_classes.h"
#include "worker/stores/pretrained_model.h"
#include "worker/tasks/device.h"
#include "worker/tasks/task_error.h"
#include "worker/tasks/task_spec.h"

namespace alignflow {
namespace {

constexpr char kLabels[] = "labels";
constexpr char kStage[] = "stage";

// What models learn of images as a whole.
std::vector<std::string> ClassesToLearn(const TaskSpec& spec, const ImageSet& source) {
  if (!spec.settings.contains("fit.condition")) return {};  // masks alone
  std::vector<std::string> names = ClassNames(source);
  if (!names.empty()) return names;
  throw TaskError(
      absl::InvalidArgumentError("setting fit.condition: both asks for the classes of images, but "
                                 "the dataset has none; push it "
                                 "with a classes.csv, or leave it at masks"));
}

}  // namespace

at::Device DeviceOf(const TaskContext& context) { return at::Device(context.device()); }

int64_t ImageSize(const TaskSpec& spec) {
  // Of segmentation models that work at another size.
  if (spec.settings.contains("evaluate.size")) return IntegerSetting(spec, "evaluate.size");
  const std::string preset = TextSetting(spec, "preset");
  const int64_t side = ImageSide(preset, spec.settings);
  if (side > 0) return side;
  throw TaskError(absl::InvalidArgumentError(
      absl::StrCat("task ", spec.kind, ": the preset ", preset, " has no size of images here")));
}

std::unique_ptr<Backbone> NewModel(TaskContext& context, const TaskSpec& spec,
                                   const ImageSet& source) {
  if (IsPretrained(spec)) return NewPretrained(context, spec, source.labels);
  const at::Device device = DeviceOf(context);
  const UNetBackboneConfig config = UNetPreset(TextSetting(spec, "preset"), source.labels.classes(),
                                               ClassesToLearn(spec, source));
  if (config.unet.spatial_dims == 3) {
    ThrowIfError(CheckMemory(EstimateUNetMemory(config, IntegerSetting(spec, "fit.batch")),
                             DeviceMemoryFree(context.device()), spec.kind));
  }
  auto model = std::make_unique<UNetBackbone>(config, IntegerSetting(spec, "seed"), device);
  const at::Tensor rows = EquallySpaced(source.size(), kStatisticsImages);
  model->codec().blocks().Fit(rows.size(0), [&](int64_t i) {
    return ImagesFromBytes(source.images.narrow(0, rows[i].item<int64_t>(), 1));
  });
  model->set_compute_dtype(at::kBFloat16);
  return model;
}

std::unique_ptr<Backbone> LoadModel(TaskContext& context, const TaskSpec& spec,
                                    const std::string& digest, const ImageSet& source) {
  const LabelTable& labels = source.labels;
  const std::filesystem::path file = ValueOrThrow(context.Fetch(digest));
  std::map<std::string, std::string> metadata;
  std::unique_ptr<Backbone> model;
  if (IsPretrained(spec)) {
    model = LoadPretrained(context, spec, file, labels, &metadata);
  } else {
    auto unet = UNetBackbone::Load(file, DeviceOf(context), &metadata);
    // Imported ones compute as where they were trained.
    if (!unet->config().predicts_velocity) unet->set_compute_dtype(at::kBFloat16);
    model = std::move(unet);
  }
  RequireLabels(metadata, labels);
  return model;
}

std::string StoreModel(TaskContext& context, Backbone& model, const LabelTable& labels, int stage) {
  const std::filesystem::path file = context.scratch() / "model.safetensors";
  model.Save(file, ModelStrings(labels, stage));
  return ValueOrThrow(context.StoreFile(file));
}

std::map<std::string, std::string> ModelStrings(const LabelTable& labels, int stage) {
  return {{kLabels, labels.ToString()}, {kStage, std::to_string(stage)}};
}

void RequireLabels(const std::map<std::string, std::string>& strings, const LabelTable& labels) {
  const auto entry = strings.find(kLabels);
  const std::string fitted = entry == strings.end() ? "" : entry->second;
  if (fitted == labels.ToString()) return;
  throw TaskError(absl::InvalidArgumentError(
      absl::StrCat("the model was fitted to masks with the labels ", fitted,
                   ", but the dataset's are ", labels.ToString())));
}

}  // namespace alignflow
