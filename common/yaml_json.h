#ifndef ALIGNFLOW_COMMON_YAML_JSON_H_
#define ALIGNFLOW_COMMON_YAML_JSON_H_

#include <yaml-cpp/yaml.h>

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

namespace alignflow {

// A YAML document as JSON: what is not quoted is null, a number or a boolean where it can be read
// as such.
inline nlohmann::json JsonOfYaml(const YAML::Node& node) {
  using nlohmann::json;
  if (node.IsSequence()) {
    json list = json::array();
    for (const YAML::Node& item : node) list.push_back(JsonOfYaml(item));
    return list;
  }
  if (node.IsMap()) {
    json object = json::object();
    for (const auto& item : node) object[item.first.as<std::string>()] = JsonOfYaml(item.second);
    return object;
  }
  if (node.IsNull()) return nullptr;
  const bool quoted = node.Tag() == "!";
  if (int64_t value = 0; !quoted && YAML::convert<int64_t>::decode(node, value)) return value;
  if (double value = 0; !quoted && YAML::convert<double>::decode(node, value)) return value;
  if (bool value = false; !quoted && YAML::convert<bool>::decode(node, value)) return value;
  return node.as<std::string>();
}

}  // namespace alignflow

#endif  // ALIGNFLOW_COMMON_YAML_JSON_H_
