#ifndef ALIGNFLOW_WORKER_MODELS_HF_WEIGHTS_H_
#define ALIGNFLOW_WORKER_MODELS_HF_WEIGHTS_H_

#include <ATen/ATen.h>

#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace torch::nn {
class Module;
}

namespace alignflow {

// The weights of one component in Hugging Face layout: in its folder one of
//   diffusion_pytorch_model.safetensors, model.safetensors                     one file
//   diffusion_pytorch_model.safetensors.index.json, model.safetensors.index... several, by an index
// or the same with one variant in the name (model.fp16.safetensors,
// model.safetensors.index.fp16.json), which is taken only where the plain one is missing. Files are
// mapped, not read. All errors are std::runtime_error naming file and tensor; what an index names
// must lie in its own folder. Thread-safe.
class WeightFolder {
 public:
  // Throws when there is no such file, or several variants of it.
  explicit WeightFolder(const std::filesystem::path& folder);

  // All tensors by name. They view the mapped files, which live as long as they do.
  const std::map<std::string, at::Tensor>& tensors() const { return tensors_; }
  // The file or index that the weights come from.
  const std::filesystem::path& source() const { return source_; }

 private:
  void ReadIndex();

  std::filesystem::path source_;
  std::map<std::string, at::Tensor> tensors_;
};

// What a model's checkpoints are known to hold beside, or under another name than, its parameters.
struct WeightNames {
  std::map<std::string, std::string> same =
      {};                                     // tied: either name will do, and both if they agree
  std::set<std::string> without_effect = {};  // stored by older releases, computed by newer ones
};

// Copies the weights into the module's parameters and buffers of the same names, converting
// floating types. Throws std::runtime_error that lists every unknown, missing and wrongly shaped
// name at once; nothing is copied then.
void LoadWeights(const WeightFolder& weights, const torch::nn::Module& module,
                 const WeightNames& names = {});

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_MODELS_HF_WEIGHTS_H_
