#ifndef ALIGNFLOW_TESTS_WORKER_FORWARD_MODEL_FOLDER_H_
#define ALIGNFLOW_TESTS_WORKER_FORWARD_MODEL_FOLDER_H_

#include <filesystem>
#include <map>
#include <string>

#include "tests/common/temp_folder.h"
#include "tests/worker/models/reference_fixture.h"
#include "worker/models/safetensors.h"

namespace alignflow {

// A model folder of its own for a test, filled from fixtures.
class ModelFolder {
 public:
  const std::filesystem::path& path() const { return folder_.path(); }

  // config.json and the weights "prefix.*" of a fixture as the component `name` ("": the folder
  // itself is the component).
  void AddComponent(const ReferenceFixture& fixture, const std::string& prefix,
                    const std::string& config, const std::string& name) const {
    std::filesystem::create_directories(path() / name);
    WriteFile(path() / name / "config.json", fixture.Text(config));
    WriteSafetensors(path() / name / "model.safetensors", fixture.All(prefix), {});
  }

  // The whole small SD 3.5 of tests/reference/make_pipeline_fixture.py.
  void AddSd35(const ReferenceFixture& fixture) const {
    for (const char* name :
         {"transformer", "controlnet", "vae", "text_encoder", "text_encoder_2", "text_encoder_3"}) {
      AddComponent(fixture, name, name, name);
    }
    for (const char* name : {"tokenizer", "tokenizer_2", "tokenizer_3"}) {
      std::filesystem::copy(
          std::filesystem::path(ALIGNFLOW_TEST_DATA) / "sd35" / "tokenizers" / name, path() / name);
    }
    std::filesystem::create_directory(path() / "scheduler");
    WriteFile(path() / "scheduler" / "scheduler_config.json", fixture.Text("scheduler"));
    WriteFile(path() / "model_index.json", fixture.Text("model_index"));
  }

 private:
  TempFolder folder_;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_TESTS_WORKER_FORWARD_MODEL_FOLDER_H_
