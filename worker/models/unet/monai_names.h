#ifndef ALIGNFLOW_WORKER_MODELS_UNET_MONAI_NAMES_H_
#define ALIGNFLOW_WORKER_MODELS_UNET_MONAI_NAMES_H_

#include <ATen/ATen.h>

#include <map>
#include <string>

namespace alignflow {

// The names here are those of the GenerativeModels package, which MOTFM uses. When MONAI core took
// the nets over (1.4), some modules were renamed; this renames such a state dict back. Its
// attention blocks apply their projection: load it with UNetConfig::attention_projection. Names
// that are the same in both pass through.
std::map<std::string, at::Tensor> FromMonaiCoreNames(
    const std::map<std::string, at::Tensor>& state);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_MODELS_UNET_MONAI_NAMES_H_
