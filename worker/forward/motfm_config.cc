#include "worker/forward/motfm_config.h"

#include <yaml-cpp/yaml.h>

#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>

namespace alignflow {
namespace {

using nlohmann::json;

json ToJson(const YAML::Node& node) {
  if (node.IsSequence()) {
    json list = json::array();
    for (const YAML::Node& item : node) list.push_back(ToJson(item));
    return list;
  }
  if (node.IsMap()) {
    json object = json::object();
    for (const auto& item : node) object[item.first.as<std::string>()] = ToJson(item.second);
    return object;
  }
  if (node.IsNull()) return nullptr;
  const bool quoted = node.Tag() == "!";
  if (int64_t value = 0; !quoted && YAML::convert<int64_t>::decode(node, value)) return value;
  if (double value = 0; !quoted && YAML::convert<double>::decode(node, value)) return value;
  if (bool value = false; !quoted && YAML::convert<bool>::decode(node, value)) return value;
  return node.as<std::string>();
}

}  // namespace

UNetConfig ReadMotfmConfig(const std::filesystem::path& file) {
  try {
    const YAML::Node config = YAML::LoadFile(file.string());
    if (!config.IsMap() || !config["model_args"]) {
      throw std::runtime_error("has no model_args");
    }
    return UNetConfigFromJson(ToJson(config["model_args"]));
  } catch (const std::exception& error) {
    throw std::runtime_error(file.string() + ": " + error.what());
  }
}

}  // namespace alignflow
