#ifndef ALIGNFLOW_WORKER_FORWARD_MOTFM_CONFIG_H_
#define ALIGNFLOW_WORKER_FORWARD_MOTFM_CONFIG_H_

#include <filesystem>

#include "worker/models/unet/unet_config.h"

namespace alignflow {

// The network that a config.yaml of MOTFM describes: its model_args. Throws std::runtime_error
// naming file and field.
UNetConfig ReadMotfmConfig(const std::filesystem::path& file);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_FORWARD_MOTFM_CONFIG_H_
