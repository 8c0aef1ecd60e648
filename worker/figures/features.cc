#include "worker/figures/features.h"

#include <filesystem>
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "worker/alignment/efficientnet_features.h"
#include "worker/models/inception/inception_v3.h"
#include "worker/models/safetensors.h"
#include "worker/sets/source_statistics.h"
#include "worker/stores/efficientnet_file.h"
#include "worker/stores/model_file.h"
#include "worker/stores/pretrained_model.h"
#include "worker/tasks/task_error.h"

namespace alignflow {
namespace {

constexpr int64_t kFeatureBatch = 32;
constexpr char kFolder[] = "figures";
constexpr char kFiguresLite[] = "lite2";

std::string Missing(const std::string& file) {
  return absl::StrCat("not available: no ", file, " in the worker's models folder");
}

std::string MissingHere(const std::string& file) {
  return Missing(absl::StrCat(kFolder, "/", file));
}

bool Exists(const TaskContext& context, const std::filesystem::path& below) {
  std::error_code error;
  return !context.models_dir().empty() &&
         std::filesystem::exists(context.models_dir() / below, error);
}

// The tensors of MODELS_DIR/figures/FILE handed to `make`.
template <typename Make>
auto FromWeights(const TaskContext& context, const std::string& file, const Make& make) {
  std::map<std::string, at::Tensor> weights;
  try {
    const SafetensorsFile tensors(context.models_dir() / kFolder / file);
    for (const std::string& name : tensors.Names()) weights[name] = tensors.Get(name);
    return make(weights);
  } catch (const std::runtime_error& error) {
    const std::string above = (context.models_dir() / "").string();
    throw TaskError(absl::FailedPreconditionError(
        absl::StrCat("in this worker's --models-dir, ", kFolder, "/", file, ": ",
                     absl::StrReplaceAll(error.what(), {{above, ""}}),
                     "; make it anew with scripts/convert_figure_weights.py")));
  }
}

std::shared_ptr<const FeatureExtractor> LoadDino(TaskContext& context, const TaskSpec& spec) {
  if (IsPretrained(spec) && spec.settings.contains("weights") &&
      Exists(context, std::filesystem::path(spec.settings.at("weights")) / "dinov3")) {
    return LoadDinoV3(context, spec);
  }
  if (!Exists(context, std::filesystem::path(kFolder) / "dinov3")) return nullptr;
  TaskSpec of_figures = spec;
  of_figures.settings["weights"] = kFolder;
  return LoadDinoV3(context, of_figures);
}

}  // namespace

std::vector<FeatureSpace> LoadFeatureSpaces(TaskContext& context, const TaskSpec& spec) {
  const at::Device device = DeviceOf(context);
  FeatureSpace lite{.kernel = "kd (efficientnet-lite2)",
                    .frechet = "fd (efficientnet-lite2)",
                    .diversity = "",
                    .manifold = "",
                    .extractor = nullptr,
                    .missing = Missing(EfficientNetFileName(kFiguresLite)),
                    .judges = true};
  if (auto net = LoadFrozenEfficientNet(context, kFiguresLite)) {
    lite.extractor = std::make_shared<const EfficientNetFeatures>(std::move(net));
  }
  FeatureSpace dino{.kernel = "kd (dinov3)",
                    .frechet = "fd (dinov3)",
                    .diversity = "mean pairwise distance (dinov3)",
                    .manifold = "(dinov3)",
                    .extractor = LoadDino(context, spec),
                    .missing = MissingHere("dinov3")};
  FeatureSpace inception{.kernel = "kid",
                         .frechet = "fid",
                         .diversity = "",
                         .manifold = "",
                         .extractor = nullptr,
                         .missing = MissingHere("inception.safetensors")};
  if (Exists(context, std::filesystem::path(kFolder) / "inception.safetensors")) {
    inception.extractor = FromWeights(context, "inception.safetensors", [&](const auto& weights) {
      return std::make_shared<const InceptionV3>(weights, device);
    });
  }
  return {{.kernel = "mmd",
           .frechet = "fd (filter bank)",
           .diversity = "mean pairwise distance",
           .manifold = "(filter bank)",
           .extractor = LoadStatistics(context, spec).filter_bank,
           .missing = ""},
          lite,
          dino,
          inception};
}

const FeatureSpace& JudgingSpace(const std::vector<FeatureSpace>& spaces) {
  for (const FeatureSpace& space : spaces) {
    if (space.judges && space.extractor) return space;
  }
  return spaces.front();
}

at::Tensor FeaturesOf(const FeatureExtractor& extractor, const at::Tensor& bytes, at::Device device,
                      const std::function<void()>& each_batch) {
  std::vector<at::Tensor> parts;
  for (const at::Tensor& part : bytes.split(Together(bytes, kFeatureBatch))) {
    each_batch();
    parts.push_back(extractor.Features(ImagesFromBytes(part, device)).to(at::kFloat).cpu());
  }
  return at::cat(parts);
}

LpipsModel LoadLpips(TaskContext& context) {
  constexpr char kFile[] = "lpips.safetensors";
  LpipsModel model;
  if (!Exists(context, std::filesystem::path(kFolder) / kFile)) {
    model.missing = MissingHere(kFile);
    return model;
  }
  model.net = FromWeights(context, kFile,
                          [&](const auto& weights) { return Lpips(weights, DeviceOf(context)); });
  return model;
}

}  // namespace alignflow
