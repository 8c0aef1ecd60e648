#ifndef ALIGNFLOW_TESTS_WORKER_MODELS_MOTFM_WEIGHTS_H_
#define ALIGNFLOW_TESTS_WORKER_MODELS_MOTFM_WEIGHTS_H_

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "common/data/motfm_config.h"
#include "tests/worker/models/reference_fixture.h"
#include "worker/models/safetensors.h"

namespace alignflow {

// What tests/reference/make_motfm_fixtures.py made of one of MOTFM's published configurations.
class MotfmFixture : public ReferenceFixture {
 public:
  explicit MotfmFixture(const std::string& name)
      : ReferenceFixture("motfm/" + name), config(nlohmann::json::parse(Text("config"))) {}

  // Writes the weights as `afctl model import` sends them, Lightning's prefix before their names.
  void WriteWeights(const std::filesystem::path& file) const {
    std::map<std::string, at::Tensor> tensors;
    for (const auto& [name, tensor] : All("weights")) tensors["model." + name] = tensor;
    WriteSafetensors(file, tensors, {{kMotfmConfig, config.dump()}});
  }

  nlohmann::json config;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_TESTS_WORKER_MODELS_MOTFM_WEIGHTS_H_
