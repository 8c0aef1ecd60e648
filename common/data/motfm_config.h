#ifndef ALIGNFLOW_COMMON_DATA_MOTFM_CONFIG_H_
#define ALIGNFLOW_COMMON_DATA_MOTFM_CONFIG_H_

namespace alignflow {

// Where a file of weights (safetensors) says in its metadata how MOTFM trained them: JSON with the
// `model_args` and `data_args` of its config.yaml and, of a model with classes, `class`, the number
// of the one that images are to be of.
inline constexpr char kMotfmConfig[] = "motfm.config";

}  // namespace alignflow

#endif  // ALIGNFLOW_COMMON_DATA_MOTFM_CONFIG_H_
