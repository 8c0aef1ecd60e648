#include "worker/stores/pretrained_model.h"

#include <cstdint>
#include <functional>
#include <mutex>
#include <stdexcept>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "worker/alignment/dinov3_features.h"
#include "worker/models/hf/load_model.h"
#include "worker/models/hf/model_index.h"
#include "worker/models/tokenizers/prompt_tokenizer.h"
#include "worker/models/unet/merged_model.h"
#include "worker/stores/model_file.h"
#include "worker/tasks/device.h"
#include "worker/tasks/task_error.h"
#include "worker/tasks/task_spec.h"
#include "worker/training/random_stream.h"

namespace alignflow {
namespace {

// Passes through the transformer at once while images are made: groups of 16 and both halves of the
// guidance, or 32 rollouts.
constexpr int64_t kSampledTogether = 32;
// While masks are made: groups of 16 without guidance.
constexpr int64_t kMasksTogether = 16;

// Where the weights of a task lie. The name has been checked at submission; it is looked at again,
// because it comes over the network.
std::filesystem::path WeightsFolder(const TaskContext& context, const TaskSpec& spec) {
  const std::string name = TextSetting(spec, "weights");
  if (name.empty() || name.front() == '.' || name.find('/') != std::string::npos) {
    throw TaskError(absl::InvalidArgumentError(
        absl::StrCat("setting weights: '", name, "' is not the plain name of a folder")));
  }
  if (context.models_dir().empty()) {
    throw TaskError(absl::FailedPreconditionError(
        absl::StrCat("setting weights: this worker has no models folder; start it with --models-dir"
                     " DIR, where DIR/",
                     name, " holds the model")));
  }
  const std::filesystem::path folder = context.models_dir() / name;
  std::error_code error;
  if (std::filesystem::is_directory(folder, error)) return folder;
  throw TaskError(absl::FailedPreconditionError(
      absl::StrCat("setting weights: there is no folder '", name,
                   "' in this worker's --models-dir; docs/sd35.md says which files belong into it, "
                   "or give another name")));
}

// Runs `load`; what it says about the folder's files becomes a Status without the path above it.
template <typename T>
T FromFolder(const TaskContext& context, const std::function<T()>& load) {
  try {
    return load();
  } catch (const std::invalid_argument&) {
    throw;
  } catch (const TaskError&) {
    throw;
  } catch (const c10::Error&) {
    throw;
  } catch (const std::runtime_error& error) {
    std::string prefix = context.models_dir().string();
    if (!prefix.ends_with("/")) prefix += "/";
    throw TaskError(absl::FailedPreconditionError(absl::StrCat(
        "in this worker's --models-dir: ", absl::StrReplaceAll(error.what(), {{prefix, ""}}),
        "; docs/sd35.md says which files belong there")));
  }
}

// bfloat16 on CUDA; on the CPU float32, as most have no instructions for less.
at::TensorOptions BaseOptions(const TaskContext& context) {
  const at::Device device = DeviceOf(context);
  return at::TensorOptions(device).dtype(device.is_cuda() ? at::kBFloat16 : at::kFloat);
}

// The base in use last: the shards of a job want the same one, and reading it takes long.
class LastBase {
 public:
  // Another base than this one is let go, so that both are never in memory.
  void LetGoUnless(const std::filesystem::path& folder, const std::string& prompt) {
    const std::lock_guard lock(mutex_);
    if (key_ != Key(folder.string(), prompt)) base_.reset();
  }

  // That the base takes.
  int64_t Bytes() {
    const std::lock_guard lock(mutex_);
    int64_t bytes = 0;
    if (!base_) return bytes;
    for (const auto& [name, tensor] : StateOf(*base_->transformer)) bytes += BytesOf(tensor);
    for (const auto& [name, tensor] : StateOf(*base_->autoencoder)) bytes += BytesOf(tensor);
    return bytes;
  }

  std::shared_ptr<const Sd35Base> Get(const std::filesystem::path& folder,
                                      const std::string& prompt, const at::TensorOptions& options) {
    const std::lock_guard lock(mutex_);
    const Key key(folder.string(), prompt);
    if (base_ && key_ == key) return base_;
    const Sd35ModelIndex index(folder);
    const PromptTokenizer tokenizer(folder, index.Has("tokenizer_3"));
    base_ = LoadSd35Base(folder, tokenizer.Encode({prompt, ""}), options);
    key_ = key;
    return base_;
  }

 private:
  using Key = std::pair<std::string, std::string>;  // folder and prompt; a worker has one device

  static int64_t BytesOf(const at::Tensor& tensor) { return static_cast<int64_t>(tensor.nbytes()); }

  std::mutex mutex_;
  Key key_;
  std::shared_ptr<const Sd35Base> base_;
};

Sd35Work WorkOf(const TaskSpec& spec) {
  Sd35Work work{.size = IntegerSetting(spec, "size")};
  if (spec.kind == "fit") {
    work.kind = Sd35Work::Kind::kFit;
    work.batch = IntegerSetting(spec, "fit.batch");
    work.average = RealSetting(spec, "fit.ema") > 0;
  } else if (spec.kind == "align") {
    work.kind = Sd35Work::Kind::kAlign;
    work.batch = IntegerSetting(spec, "align.batch");
    work.copy = TextSetting(spec, "align.rollout") == "fresh";
  } else if (spec.kind == "fit-masks") {
    work.kind = Sd35Work::Kind::kFitMasks;
    work.batch = IntegerSetting(spec, "masks.batch");
    work.adapter_rank = IntegerSetting(spec, "masks.adapter_rank");
  } else if (spec.kind == "masks") {
    work.kind = Sd35Work::Kind::kMasks;
    work.batch = kMasksTogether;
  } else {
    work.batch = kSampledTogether;
    work.copy = spec.inputs.contains("stage1");
  }
  return work;
}

// The base, once the memory for the task has been found sufficient.
std::shared_ptr<const Sd35Base> BaseOf(const TaskContext& context, const TaskSpec& spec,
                                       const Sd35Work& work) {
  static auto* const last = new LastBase;
  const std::filesystem::path folder = WeightsFolder(context, spec);
  last->LetGoUnless(folder, TextSetting(spec, "prompt"));
  const MemoryEstimate needed = EstimateSd35Memory(folder, work, BaseOptions(context));
  const int64_t free = DeviceMemoryFree(context.device());
  ThrowIfError(CheckMemory(needed, free < 0 ? free : free + last->Bytes(), spec.kind));
  return last->Get(folder, TextSetting(spec, "prompt"), BaseOptions(context));
}

Sd35Images ImagesOf(const TaskSpec& spec, const LabelTable& labels) {
  Sd35Images images{.size = IntegerSetting(spec, "size"), .greys = {}};
  for (int i = 0; i < labels.classes(); ++i) {
    images.greys.push_back(static_cast<uint8_t>(labels.ValueOf(i)));
  }
  return images;
}

}  // namespace

absl::Status CheckMemory(const MemoryEstimate& needed, int64_t free, const std::string& kind) {
  if (free < 0 || needed.Total() <= free) return absl::OkStatus();
  std::string remedy = "a smaller size";
  if (kind == "fit") {
    remedy =
        "a smaller fit.batch (where the preset has it with more fit.accumulate for the same "
        "step)";
  }
  if (kind == "fit-masks") {
    remedy =
        "a smaller masks.batch, or masks.adapter_rank=16, which trains adapters instead of the "
        "whole transformer";
  }
  if (kind == "align") remedy = "a smaller align.batch or align.rollout=pool";
  return absl::ResourceExhaustedError(
      absl::StrCat(kind, " would need about ", needed.Text(), "; this worker's device has ",
                   absl::StrFormat("%.1f", static_cast<double>(free) / (int64_t{1} << 30)),
                   " GiB free. Set ", remedy, ", or run it on a device with more memory"));
}

bool IsPretrained(const TaskSpec& spec) { return TextSetting(spec, "preset") == "sd3.5-medium"; }

std::unique_ptr<Sd35Backbone> NewPretrained(TaskContext& context, const TaskSpec& spec,
                                            const LabelTable& labels) {
  return FromFolder<std::unique_ptr<Sd35Backbone>>(context, [&] {
    return std::make_unique<Sd35Backbone>(BaseOf(context, spec, WorkOf(spec)),
                                          ImagesOf(spec, labels));
  });
}

std::unique_ptr<Sd35Backbone> LoadPretrained(TaskContext& context, const TaskSpec& spec,
                                             const std::filesystem::path& file,
                                             const LabelTable& labels,
                                             std::map<std::string, std::string>* metadata) {
  const auto base = FromFolder<std::shared_ptr<const Sd35Base>>(
      context, [&] { return BaseOf(context, spec, WorkOf(spec)); });
  return Sd35Backbone::Load(file, base, ImagesOf(spec, labels), metadata);
}

std::unique_ptr<Sd35MaskFlow> NewPretrainedMaskFlow(TaskContext& context, const TaskSpec& spec,
                                                    const LabelTable& labels) {
  return FromFolder<std::unique_ptr<Sd35MaskFlow>>(context, [&] {
    const Sd35Work work = WorkOf(spec);
    // The last stream, which no step takes.
    const at::Generator random =
        RandomStream(IntegerSetting(spec, "seed"), RandomUse::kFitMasksStep, UINT64_MAX);
    return std::make_unique<Sd35MaskFlow>(BaseOf(context, spec, work), ImagesOf(spec, labels),
                                          work.adapter_rank, random);
  });
}

std::unique_ptr<Sd35MaskFlow> LoadPretrainedMaskFlow(TaskContext& context, const TaskSpec& spec,
                                                     const std::filesystem::path& file,
                                                     const LabelTable& labels,
                                                     std::map<std::string, std::string>* metadata) {
  Sd35Work work = WorkOf(spec);
  work.adapter_rank = Sd35MaskFlow::AdapterRank(file);
  const auto base = FromFolder<std::shared_ptr<const Sd35Base>>(
      context, [&] { return BaseOf(context, spec, work); });
  return Sd35MaskFlow::Load(file, base, ImagesOf(spec, labels), metadata);
}

std::shared_ptr<const FeatureExtractor> LoadDinoV3(TaskContext& context, const TaskSpec& spec) {
  const std::filesystem::path folder = WeightsFolder(context, spec) / "dinov3";
  if (!std::filesystem::is_directory(folder)) return nullptr;
  return FromFolder<std::shared_ptr<const FeatureExtractor>>(context, [&] {
    HfConfig preprocessing(folder / "preprocessor_config.json");
    const auto model = LoadModel<DinoV3ViT>(folder, ParseDinoV3, BaseOptions(context));
    for (at::Tensor& parameter : model->parameters()) parameter.requires_grad_(false);
    return std::make_shared<DinoV3Features>(model, ParseDinoV3Preprocessing(preprocessing));
  });
}

}  // namespace alignflow
