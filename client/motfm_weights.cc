#include "client/motfm_weights.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <string_view>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/data/motfm_config.h"
#include "common/data/safetensors_header.h"
#include "common/partial_file.h"
#include "common/status_conversion.h"
#include "common/yaml_json.h"

namespace alignflow {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr int64_t kPieceBytes = 4 << 20;
constexpr int64_t kMostHeaderBytes = 16 << 20;
constexpr int kDefaultSteps = 10;  // of MOTFM's inference

// torchdiffeq's names and ours.
constexpr std::pair<std::string_view, std::string_view> kSolvers[] = {
    {"euler", "euler"}, {"midpoint", "midpoint"}, {"heun2", "heun"}, {"rk4", "rk4"}};

absl::Status Wrong(const std::string& field, const std::string& what) {
  return absl::InvalidArgumentError(absl::StrCat(field, ": ", what));
}

bool Flag(const json& arguments, const char* name) {
  return arguments.contains(name) && arguments[name].is_boolean() && arguments[name].get<bool>();
}

absl::Status ReadSolver(const json& document, MotfmConfig& config) {
  const json arguments =
      document.contains("solver_args") ? document["solver_args"] : json::object();
  if (!arguments.is_object()) return Wrong("solver_args", "is no map");
  const std::string method = arguments.contains("method") && arguments["method"].is_string()
                                 ? arguments["method"].get<std::string>()
                                 : "midpoint";
  const auto* solver =
      std::ranges::find(kSolvers, method, &std::pair<std::string_view, std::string_view>::first);
  if (solver == std::end(kSolvers)) {
    return Wrong("solver_args.method", absl::StrCat("there is no ", method,
                                                    " here; write euler, midpoint, heun2 or rk4"));
  }
  double step = 1.0 / kDefaultSteps;
  for (const char* name : {"time_points", "step_size"}) {
    if (!arguments.contains(name)) continue;
    if (!arguments[name].is_number())
      return Wrong("solver_args", absl::StrCat(name, " is no number"));
    const auto value = arguments[name].get<double>();
    step = std::string_view(name) == "step_size" ? value : 1 / value;
  }
  const double steps = std::round(1 / step);
  if (!(steps >= 1 && steps <= 1000) || std::abs(steps * step - 1) > 1e-3) {
    return Wrong("solver_args.step_size",
                 "must be 1/N, for N equal steps from noise to image of 1 to 1000");
  }
  config.settings["generate.solver"] = std::string(solver->second);
  config.settings["generate.steps"] = absl::StrCat(static_cast<int>(steps));
  return absl::OkStatus();
}

absl::Status ReadClass(const json& arguments, std::optional<int> of_class, json& kept) {
  if (!Flag(arguments, "with_conditioning")) {
    if (!of_class) return absl::OkStatus();
    return absl::InvalidArgumentError(
        "--class: model_args.with_conditioning is false, so the model knows no classes; leave it "
        "out");
  }
  const json classes =
      arguments.contains("cross_attention_dim") ? arguments["cross_attention_dim"] : json();
  if (!classes.is_number_integer() || classes.get<int>() < 1) {
    return Wrong("model_args.cross_attention_dim",
                 "must be the number of classes, because with_conditioning is true");
  }
  const int count = classes.get<int>();
  if (!of_class) {
    return Wrong("model_args.with_conditioning",
                 absl::StrCat("the model knows ", count,
                              " classes; say with --class of which one its images are to be, 0 to ",
                              count - 1));
  }
  if (*of_class < 0 || *of_class >= count) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--class is ", *of_class, ": model_args.cross_attention_dim allows 0 to ", count - 1));
  }
  kept["class"] = *of_class;
  return absl::OkStatus();
}

absl::StatusOr<MotfmConfig> ReadDocument(const json& document, std::optional<int> of_class) {
  if (!document.is_object() || !document.contains("model_args") ||
      !document["model_args"].is_object()) {
    return absl::InvalidArgumentError("has no model_args; give the config.yaml of the training");
  }
  const json& arguments = document["model_args"];
  if (!Flag(arguments, "mask_conditioning")) {
    return Wrong(
        "model_args.mask_conditioning",
        "is not true: the model makes images without masks, so it makes no pairs; give one "
        "that was trained with masks");
  }
  MotfmConfig config;
  const json dims = arguments.contains("spatial_dims") ? arguments["spatial_dims"] : json(2);
  if (dims != 2 && dims != 3) return Wrong("model_args.spatial_dims", "must be 2 or 3");
  config.preset = dims == 3 ? "motfm-3d" : "motfm";
  json kept{{"model_args", arguments}};
  if (document.contains("data_args") && document["data_args"].is_object()) {
    for (const char* name : {"image_norm", "mask_norm"}) {  // nothing else of it is told: paths
      if (document["data_args"].contains(name)) {
        kept["data_args"][name] = document["data_args"][name];
      }
    }
  }
  absl::Status status = ReadClass(arguments, of_class, kept);
  if (status.ok()) status = ReadSolver(document, config);
  if (!status.ok()) return status;
  config.document = kept.dump();
  return config;
}

// The header's JSON text, and with it the file behind it.
absl::StatusOr<std::string> ReadHeader(std::ifstream& stream, int64_t file_bytes) {
  std::string bytes(kSafetensorsLengthBytes, '\0');
  stream.read(bytes.data(), kSafetensorsLengthBytes);
  bytes.resize(stream.gcount());
  const absl::StatusOr<int64_t> length = SafetensorsHeaderLength(bytes, file_bytes);
  if (!length.ok()) return length.status();
  if (*length > kMostHeaderBytes) {
    return absl::InvalidArgumentError("no safetensors file: its header is larger than 16 MiB");
  }
  bytes.resize(*length);
  stream.read(bytes.data(), *length);
  return bytes;
}

absl::Status CheckNames(const SafetensorsHeader& header) {
  bool control = false;
  for (const auto& [name, tensor] : header.tensors) {
    std::string_view rest = name;
    if (rest.starts_with("model.")) rest.remove_prefix(std::string_view("model.").size());
    control = control || rest.starts_with("controlnet.");
    if (rest.starts_with("unet.") || rest.starts_with("controlnet.")) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("the tensor '", name,
                     "' is of no U-Net or ControlNet; give the state dict of MOTFM's model alone"));
  }
  if (control) return absl::OkStatus();
  return absl::InvalidArgumentError(
      "there is no tensor of a ControlNet (controlnet.*), but model_args.mask_conditioning is "
      "true; give the weights of this configuration");
}

absl::Status Copy(std::ifstream& stream, const std::string& header, PartialFile& target) {
  std::string length(kSafetensorsLengthBytes, '\0');
  for (size_t i = 0; i < length.size(); ++i) {
    length[i] = static_cast<char>(header.size() >> (8 * i) & 0xff);
  }
  absl::Status status = target.Append(length);
  if (status.ok()) status = target.Append(header);
  std::string piece(kPieceBytes, '\0');
  while (status.ok() && stream.good()) {
    stream.read(piece.data(), kPieceBytes);
    status = target.Append(std::string_view(piece).substr(0, stream.gcount()));
  }
  if (status.ok() && stream.bad()) status = absl::InternalError("cannot be read to its end");
  return status.ok() ? target.Rename() : status;
}

}  // namespace

absl::StatusOr<MotfmConfig> ReadMotfmConfig(const fs::path& file, std::optional<int> of_class) {
  try {
    absl::StatusOr<MotfmConfig> config =
        ReadDocument(JsonOfYaml(YAML::LoadFile(file.string())), of_class);
    if (!config.ok() && !absl::StartsWith(config.status().message(), "--")) {
      return Annotate(config.status(), file.string());
    }
    return config;
  } catch (const YAML::BadFile&) {
    return absl::NotFoundError(absl::StrCat(file.string(), ": cannot be read"));
  } catch (const YAML::Exception& error) {
    return absl::InvalidArgumentError(
        absl::StrCat(file.string(), ":", error.mark.line + 1, ": ", error.msg));
  }
}

absl::Status WriteMotfmWeights(const fs::path& weights, const std::string& document,
                               const fs::path& target) {
  std::ifstream stream(weights, std::ios::binary);
  std::error_code error;
  const auto bytes = static_cast<int64_t>(fs::file_size(weights, error));
  if (!stream.is_open() || error) {
    return absl::NotFoundError(absl::StrCat(weights.string(), ": cannot be read"));
  }
  const absl::StatusOr<std::string> text = ReadHeader(stream, bytes);
  if (!text.ok()) return Annotate(text.status(), weights.string());
  const auto header = ParseSafetensorsHeader(
      *text, bytes - kSafetensorsLengthBytes - static_cast<int64_t>(text->size()));
  if (!header.ok()) return Annotate(header.status(), weights.string());
  if (absl::Status named = CheckNames(*header); !named.ok()) {
    return Annotate(named, weights.string());
  }
  json document_of_header = json::parse(*text);  // it has been checked
  document_of_header["__metadata__"] = {{kMotfmConfig, document}};
  std::string written = document_of_header.dump();
  written.resize((written.size() + 7) / 8 * 8, ' ');  // the format's tensors begin at such a place
  PartialFile file(target);
  return Annotate(Copy(stream, written, file), weights.string());
}

}  // namespace alignflow
