#ifndef ALIGNFLOW_TESTS_WORKER_MODELS_REFERENCE_FIXTURE_H_
#define ALIGNFLOW_TESTS_WORKER_MODELS_REFERENCE_FIXTURE_H_

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/nn/module.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "worker/models/hf/config.h"
#include "worker/models/safetensors.h"
#include "worker/models/unet/merged_model.h"

namespace alignflow {

// Largest difference in units of the reference's largest value; the difference itself where the
// reference is zero throughout.
inline double RelativeError(const at::Tensor& ours, const at::Tensor& reference) {
  EXPECT_EQ(ours.sizes(), reference.sizes());
  if (ours.sizes() != reference.sizes()) return INFINITY;
  const double scale = reference.abs().max().item<double>();
  return (ours - reference).abs().max().item<double>() / (scale == 0 ? 1 : scale);
}

// What tests/reference/ made: tensors with prefixes and config texts.
class ReferenceFixture {
 public:
  // file: below tests/data/, without its ending.
  explicit ReferenceFixture(const std::string& file)
      : name_(file), file_(std::filesystem::path(ALIGNFLOW_TEST_DATA) / (file + ".safetensors")) {}

  at::Tensor Get(const std::string& name) const { return file_.Get(name).clone(); }
  std::string Text(const std::string& key) const { return file_.metadata().at(key); }
  double Number(const std::string& key) const { return std::stod(Text(key)); }
  HfConfig Config(const std::string& key) const { return HfConfig::FromText(Text(key), name_); }

  // The tensors "prefix.*" without the prefix.
  std::map<std::string, at::Tensor> All(const std::string& prefix) const {
    std::map<std::string, at::Tensor> found;
    for (const std::string& name : file_.Names()) {
      if (name.starts_with(prefix + ".")) found[name.substr(prefix.size() + 1)] = Get(name);
    }
    return found;
  }
  // The tensors "prefix.0", "prefix.1", ...
  std::vector<at::Tensor> List(const std::string& prefix) const {
    std::vector<at::Tensor> found;
    while (file_.Has(prefix + "." + std::to_string(found.size()))) {
      found.push_back(Get(prefix + "." + std::to_string(found.size())));
    }
    return found;
  }
  // Reads the tensors "prefix.*" into a module.
  void Load(const std::string& prefix, torch::nn::Module& module) const {
    CopyState(All(prefix), StateOf(module), name_);
  }

 private:
  std::string name_;
  SafetensorsFile file_;
};

// A model's names and shapes in the form of tests/reference/reference_names.py, read or written.
struct NamesAndShapes {
  std::map<std::string, std::vector<int64_t>> shapes;
  int64_t parameters = 0;  // numbers in all parameters together, without the buffers
};

// file: below tests/data/.
inline NamesAndShapes ReferenceNames(const std::string& file) {
  std::ifstream stream(std::filesystem::path(ALIGNFLOW_TEST_DATA) / file);
  NamesAndShapes out;
  std::string line, word;
  size_t tensors = 0;
  std::getline(stream, line);
  std::istringstream(line) >> word >> tensors >> out.parameters;
  while (std::getline(stream, line)) {
    std::string name, sides, range;
    std::istringstream(line) >> name >> sides >> range;
    std::vector<int64_t> shape;
    for (std::istringstream list(sides); std::getline(list, word, ',');) {
      shape.push_back(std::stoll(word));
    }
    const size_t star = name.find('*'), dash = range.find('-');
    if (range.empty()) {
      out.shapes[name] = shape;
      continue;
    }
    for (int i = std::stoi(range); i <= std::stoi(range.substr(dash + 1)); ++i) {
      out.shapes[std::string(name).replace(star, 1, std::to_string(i))] = shape;
    }
  }
  EXPECT_EQ(out.shapes.size(), tensors) << file;
  return out;
}

inline NamesAndShapes NamesOf(const torch::nn::Module& module) {
  NamesAndShapes out;
  for (const auto& [name, tensor] : StateOf(module)) out.shapes[name] = tensor.sizes().vec();
  for (const at::Tensor& parameter : module.parameters()) out.parameters += parameter.numel();
  return out;
}

}  // namespace alignflow

#endif  // ALIGNFLOW_TESTS_WORKER_MODELS_REFERENCE_FIXTURE_H_
