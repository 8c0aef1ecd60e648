#ifndef ALIGNFLOW_WORKER_MODELS_HF_MODEL_INDEX_H_
#define ALIGNFLOW_WORKER_MODELS_HF_MODEL_INDEX_H_

#include <filesystem>
#include <set>
#include <string>

namespace alignflow {

// model_index.json of a Stable Diffusion 3 or 3.5 folder: which components there are, each in a
// folder of its own name. A component that the index names but that is not there is an error, never
// a smaller model. Immutable and thread-safe.
class Sd35ModelIndex {
 public:
  // Throws std::runtime_error naming the file and the component that is unknown, of another class
  // than is built here, or missing.
  explicit Sd35ModelIndex(const std::filesystem::path& folder);

  // "transformer", "vae", "scheduler", "text_encoder", "tokenizer", ... and the optional
  // "text_encoder_3", "tokenizer_3" and "controlnet".
  bool Has(const std::string& component) const { return components_.contains(component); }
  std::filesystem::path Folder(const std::string& component) const { return folder_ / component; }

 private:
  std::filesystem::path folder_;
  std::set<std::string> components_;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_MODELS_HF_MODEL_INDEX_H_
