#include "worker/models/hf/weights.h"

#include <torch/nn/module.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "worker/models/safetensors.h"

namespace alignflow {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr uintmax_t kMaxIndexBytes = 64 << 20;
constexpr const char* kStems[] = {"diffusion_pytorch_model", "model"};

[[noreturn]] void Fail(const fs::path& file, const std::string& what) {
  throw std::runtime_error(file.string() + ": " + what);
}

// Whether `name` is `before` + "." + VARIANT + `after`.
bool IsVariant(const std::string& name, const std::string& before, const std::string& after) {
  return name.size() > before.size() + after.size() + 1 && name.starts_with(before + ".") &&
         name.ends_with(after) && name.find('.', before.size() + 1) == name.size() - after.size();
}

// The file or index to read.
fs::path FindSource(const fs::path& folder) {
  std::error_code error;
  if (!fs::is_directory(folder, error)) Fail(folder, "is not a folder");
  std::vector<fs::path> variants;
  for (const std::string stem : kStems) {
    for (const char* ending : {".safetensors", ".safetensors.index.json"}) {
      if (fs::exists(folder / (stem + ending), error)) return folder / (stem + ending);
    }
  }
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename().string();
    for (const std::string stem : kStems) {
      // A shard (model.fp16-00001-of-00002.safetensors) is its index's.
      const bool single = IsVariant(name, stem, ".safetensors") && name.find("-of-") == name.npos;
      if (single || IsVariant(name, stem + ".safetensors.index", ".json")) {
        variants.push_back(entry.path());
      }
    }
  }
  if (error) Fail(folder, "cannot be listed: " + error.message());
  if (variants.empty()) {
    Fail(folder,
         "holds neither diffusion_pytorch_model.safetensors nor model.safetensors, nor an index of "
         "several such files (weights in .bin or .ckpt files must be converted first)");
  }
  if (variants.size() > 1) {
    std::string names;
    for (const fs::path& variant : variants) names += " " + variant.filename().string();
    Fail(folder, "holds several variants of the weights; leave one of:" + names);
  }
  return variants.front();
}

json ReadJson(const fs::path& file) {
  std::error_code error;
  const uintmax_t size = fs::file_size(file, error);
  if (error) Fail(file, "cannot be read: " + error.message());
  if (size > kMaxIndexBytes) Fail(file, "too long for an index");
  std::ifstream stream(file, std::ios::binary);
  return json::parse(stream, nullptr, /*allow_exceptions=*/false);
}

}  // namespace

WeightFolder::WeightFolder(const fs::path& folder) : source_(FindSource(folder)) {
  if (source_.extension() == ".json") {
    ReadIndex();
    return;
  }
  const SafetensorsFile file(source_);
  for (const std::string& name : file.Names()) tensors_.emplace(name, file.Get(name));
}

void WeightFolder::ReadIndex() {
  const json index = ReadJson(source_);
  if (!index.is_object() || !index.contains("weight_map") || !index["weight_map"].is_object()) {
    Fail(source_, "is not an index: it has no weight_map");
  }
  std::map<std::string, std::set<std::string>> names_by_file;
  for (const auto& [name, file] : index["weight_map"].items()) {
    if (!file.is_string()) Fail(source_, "tensor '" + name + "': its file must be a string");
    const auto text = file.get<std::string>();
    if (fs::path(text).filename().string() != text || !text.ends_with(".safetensors")) {
      Fail(source_, "tensor '" + name + "': '" + text +
                        "' is not the name of a safetensors file in this folder");
    }
    names_by_file[text].insert(name);
  }
  for (const auto& [file_name, names] : names_by_file) {
    const SafetensorsFile file(source_.parent_path() / file_name);
    for (const std::string& name : file.Names()) {
      if (!names.contains(name)) {
        Fail(source_, "tensor '" + name + "' is in " + file_name + " but not in the index");
      }
    }
    for (const std::string& name : names) tensors_.emplace(name, file.Get(name));
  }
}

void LoadWeights(const WeightFolder& weights, const torch::nn::Module& module,
                 const WeightNames& names) {
  std::map<std::string, at::Tensor> source = weights.tensors();
  for (const auto& [alias, name] : names.same) {
    const auto found = source.find(alias);
    if (found == source.end()) continue;
    const auto [kept, moved] = source.emplace(name, found->second);
    if (!moved && !at::equal(kept->second, found->second)) {
      Fail(weights.source(), "'" + alias + "' and '" + name + "' must be equal");
    }
    source.erase(alias);
  }
  for (const std::string& name : names.without_effect) source.erase(name);
  std::map<std::string, at::Tensor> target;
  for (const auto& item : module.named_parameters()) target.emplace(item.key(), item.value());
  for (const auto& item : module.named_buffers()) target.emplace(item.key(), item.value());
  CopyState(source, target, weights.source().string());
}

}  // namespace alignflow
