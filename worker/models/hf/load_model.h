#ifndef ALIGNFLOW_WORKER_MODELS_HF_LOAD_MODEL_H_
#define ALIGNFLOW_WORKER_MODELS_HF_LOAD_MODEL_H_

#include <ATen/ATen.h>

#include <filesystem>
#include <memory>

#include "worker/models/hf/config.h"
#include "worker/models/hf/weights.h"

namespace alignflow {

// The model in a component's folder: config.json by `parse`, made with `options` (device and
// floating type), its weights read into it. Throws std::runtime_error naming file and field or
// tensor.
template <typename Model, typename Config>
std::shared_ptr<Model> LoadModel(const std::filesystem::path& folder, Config (*parse)(HfConfig&),
                                 const at::TensorOptions& options, const WeightNames& names = {}) {
  HfConfig config(folder / "config.json");
  auto model = std::make_shared<Model>(parse(config), options);
  LoadWeights(WeightFolder(folder), *model, names);
  return model;
}

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_MODELS_HF_LOAD_MODEL_H_
