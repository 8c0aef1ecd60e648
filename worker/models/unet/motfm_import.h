#ifndef ALIGNFLOW_WORKER_MODELS_UNET_MOTFM_IMPORT_H_
#define ALIGNFLOW_WORKER_MODELS_UNET_MOTFM_IMPORT_H_

#include <cstdint>
#include <filesystem>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "worker/models/unet/backbone.h"

// Models that MOTFM trained ("Flow Matching for Medical Image Synthesis", arXiv:2503.00266), as
// models of this service.
namespace alignflow {

// What the importing job says.
struct MotfmImport {
  std::string preset;
  int64_t image_size = 0;
  int64_t spatial_dims = 2;
  std::vector<int> class_values;  // of the classes, the background's first, as masks store them
};

// The network of a configuration (common/data/motfm_config.h) as MOTFM runs it: the velocity of
// pixels, one plane of the mask's values at the scale of data_args.mask_norm. Throws
// std::invalid_argument naming the field and why no pairs can be made with such a model: it has no
// ControlNet, no class is given, or values have no black and white.
UNetBackboneConfig MotfmBackbone(const nlohmann::json& config, const MotfmImport& import);

// The model of a file with the state dict of its MergedModel, under its names or, as Lightning
// stores them, behind "model."; images are scaled as data_args.image_norm says. Throws
// std::invalid_argument as above and listing every missing, unknown or wrongly shaped tensor.
std::unique_ptr<UNetBackbone> ImportMotfm(const std::filesystem::path& file,
                                          const MotfmImport& import);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_MODELS_UNET_MOTFM_IMPORT_H_
