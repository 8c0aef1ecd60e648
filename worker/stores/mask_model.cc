#include "worker/stores/mask_model.h"

#include "worker/masks/unet_mask_flow.h"
#include "worker/stores/model_file.h"
#include "worker/stores/pretrained_model.h"
#include "worker/tasks/task_error.h"
#include "worker/tasks/task_spec.h"

namespace alignflow {
namespace {

constexpr int kMaskStage = 0;  // neither of the stages of images

}  // namespace

std::unique_ptr<MaskFlow> NewMaskFlow(TaskContext& context, const TaskSpec& spec,
                                      const ImageSet& source) {
  if (IsPretrained(spec)) return NewPretrainedMaskFlow(context, spec, source.labels);
  return std::make_unique<UNetMaskFlow>(
      source.classes, EquallySpaced(source.size(), kStatisticsImages), source.labels.classes(),
      IntegerSetting(spec, "seed"), DeviceOf(context));
}

std::unique_ptr<MaskFlow> LoadMaskFlow(TaskContext& context, const TaskSpec& spec,
                                       const std::string& digest, const ImageSet& source) {
  const std::filesystem::path file = ValueOrThrow(context.Fetch(digest));
  std::map<std::string, std::string> metadata;
  std::unique_ptr<MaskFlow> model;
  if (IsPretrained(spec)) {
    model = LoadPretrainedMaskFlow(context, spec, file, source.labels, &metadata);
  } else {
    model = UNetMaskFlow::Load(file, DeviceOf(context), &metadata);
  }
  RequireLabels(metadata, source.labels);
  return model;
}

std::string StoreMaskFlow(TaskContext& context, MaskFlow& model, const LabelTable& labels) {
  const std::filesystem::path file = context.scratch() / "model.safetensors";
  model.Save(file, ModelStrings(labels, kMaskStage));
  return ValueOrThrow(context.StoreFile(file));
}

}  // namespace alignflow
