#ifndef ALIGNFLOW_WORKER_AGENT_FOUND_MODELS_H_
#define ALIGNFLOW_WORKER_AGENT_FOUND_MODELS_H_

#include <filesystem>
#include <string>
#include <vector>

namespace alignflow {

// A folder with a pretrained model, as the worker tells the coordinator of it.
struct FoundModel {
  std::string name;
  // SHA-256 over the names below it, their sizes and their first bytes: tells one model from
  // another without reading gigabytes.
  std::string fingerprint;
};

// The folders in `models_dir` by name, at most 256. None if it is empty or can't be read.
std::vector<FoundModel> FindModels(const std::filesystem::path& models_dir);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_AGENT_FOUND_MODELS_H_
