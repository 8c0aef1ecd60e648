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

constexpr char kSegmenterLabels[] = "labels";
constexpr char kSize[] = "size";
constexpr char kSegmenter[] = "segmenter";
constexpr char kEncoder[] = "encoder";
constexpr char kPretrained[] = "pretrained";
constexpr char kDims[] = "dims";  // there for volumes alone

}  // namespace

std::string StoreSegmenter(TaskContext& context, const Segmenter& model,
                           const SegmenterFacts& facts) {
  const std::filesystem::path file = context.scratch() / "segmenter.safetensors";
  std::map<std::string, std::string> metadata{{kSegmenter, facts.name},
                                              {kEncoder, facts.pretrained ? kPretrained : "random"},
                                              {kSegmenterLabels, facts.labels.ToString()},
                                              {kSize, absl::StrCat(facts.size)}};
  if (facts.dims != 2) metadata[kDims] = absl::StrCat(facts.dims);
  WriteSafetensors(file, StateOf(model), metadata);
  return ValueOrThrow(context.StoreFile(file));
}

StoredSegmenter LoadSegmenter(TaskContext& context, const std::string& digest,
                              const std::string& what, const std::string& name,
                              const LabelTable& labels, int64_t size, int64_t dims) {
  const SafetensorsFile file(ValueOrThrow(context.Fetch(digest)));
  std::map<std::string, std::string> metadata = file.metadata();
  const auto kind = [](bool volumes) { return volumes ? "volumes" : "images"; };
  const bool volumes = metadata.contains(kDims);
  if (metadata[kSegmenter] != name || metadata[kSize] != absl::StrCat(size) ||
      metadata[kSegmenterLabels] != labels.ToString() || volumes != (dims == 3)) {
    throw TaskError(absl::InvalidArgumentError(absl::StrCat(
        what, " is a segmenter '", metadata[kSegmenter], "' for ", kind(volumes), " of ",
        metadata[kSize], " pixels with the labels ", metadata[kSegmenterLabels], ", but here '",
        name, "', ", dims == 3 ? "volumes of " : "", size, " pixels and ", labels.ToString(),
        " are needed")));
  }
  // All weights come from the file, so that none of a pretrained folder is read.
  StoredSegmenter stored{
      MakeSegmenter(name, labels.classes(), size, 0, DeviceOf(context), {}, dims).model,
      metadata[kEncoder] == kPretrained};
  std::map<std::string, at::Tensor> weights;
  for (const std::string& tensor : file.Names()) weights.emplace(tensor, file.Get(tensor));
  const at::NoGradGuard no_grad;
  CopyState(weights, StateOf(*stored.model), what);
  stored.model->eval();
  return stored;
}

}  // namespace alignflow
