#include "worker/stores/segmenter_file.h"

#include <ATen/core/grad_mode.h>

#include <map>

#include "absl/strings/str_cat.h"
#include "worker/models/safetensors.h"
#include "worker/models/unet/merged_model.h"
#include "worker/stores/model_file.h"
#include "worker/tasks/task_error.h"

namespace alignflow {
namespace {

constexpr char kLabels[] = "labels";
constexpr char kSize[] = "size";
constexpr char kSegmenter[] = "segmenter";

}  // namespace

std::string StoreJudge(TaskContext& context, const Segmenter& model, const LabelTable& labels,
                       int64_t size) {
  const std::filesystem::path file = context.scratch() / "segmenter.safetensors";
  WriteSafetensors(
      file, StateOf(model),
      {{kSegmenter, kJudgeSegmenter}, {kLabels, labels.ToString()}, {kSize, absl::StrCat(size)}});
  return ValueOrThrow(context.StoreFile(file));
}

std::shared_ptr<Segmenter> LoadJudge(TaskContext& context, const std::string& digest,
                                     const LabelTable& labels, int64_t size) {
  const SafetensorsFile file(ValueOrThrow(context.Fetch(digest)));
  std::map<std::string, std::string> metadata = file.metadata();
  if (metadata[kSegmenter] != kJudgeSegmenter || metadata[kSize] != absl::StrCat(size) ||
      metadata[kLabels] != labels.ToString()) {
    throw TaskError(absl::InvalidArgumentError(absl::StrCat(
        "the judge is a segmenter '", metadata[kSegmenter], "' for images of ", metadata[kSize],
        " pixels with the labels ", metadata[kLabels], ", but here '", kJudgeSegmenter, "', ", size,
        " pixels and ", labels.ToString(), " are needed")));
  }
  std::shared_ptr<Segmenter> model =
      MakeSegmenter(kJudgeSegmenter, labels.classes(), size, 0, DeviceOf(context)).model;
  std::map<std::string, at::Tensor> weights;
  for (const std::string& name : file.Names()) weights.emplace(name, file.Get(name));
  const at::NoGradGuard no_grad;
  CopyState(weights, StateOf(*model), "the judge");
  model->eval();
  return model;
}

}  // namespace alignflow
