#include "worker/forward/motfm_config.h"

#include <stdexcept>

#include "common/yaml_json.h"

namespace alignflow {

UNetConfig ReadMotfmConfig(const std::filesystem::path& file) {
  try {
    const YAML::Node config = YAML::LoadFile(file.string());
    if (!config.IsMap() || !config["model_args"]) {
      throw std::runtime_error("has no model_args");
    }
    return UNetConfigFromJson(JsonOfYaml(config["model_args"]));
  } catch (const std::exception& error) {
    throw std::runtime_error(file.string() + ": " + error.what());
  }
}

}  // namespace alignflow
