#ifndef ALIGNFLOW_CLIENT_MOTFM_WEIGHTS_H_
#define ALIGNFLOW_CLIENT_MOTFM_WEIGHTS_H_

#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

// MOTFM's config.yaml and weights, as they are sent. Errors name file and field, and the remedy.
namespace alignflow {

struct MotfmConfig {
  std::string preset;    // "motfm" or, of volumes, "motfm-3d"
  std::string document;  // as common/data/motfm_config.h has it
  // generate.steps and generate.solver, of solver_args as MOTFM's inference takes them.
  std::map<std::string, std::string> settings;
};
// `of_class`: of which class images are to be; must be given exactly for a model that knows
// classes. InvalidArgument for a model that no pairs can be made with.
absl::StatusOr<MotfmConfig> ReadMotfmConfig(const std::filesystem::path& file,
                                            std::optional<int> of_class);

// Copies a safetensors file with `document` in its metadata. InvalidArgument for a file that is
// none, or has tensors that are not of a U-Net with its ControlNet.
absl::Status WriteMotfmWeights(const std::filesystem::path& weights, const std::string& document,
                               const std::filesystem::path& target);

}  // namespace alignflow

#endif  // ALIGNFLOW_CLIENT_MOTFM_WEIGHTS_H_
