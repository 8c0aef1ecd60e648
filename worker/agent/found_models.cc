#include "worker/agent/found_models.h"

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "common/digest.h"

namespace alignflow {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMaxModels = 256;
constexpr size_t kMaxFiles = 10'000;  // of a model
constexpr int64_t kBeginning = 64 << 10;

std::string Beginning(const fs::path& file) {
  std::string bytes(kBeginning, '\0');
  std::ifstream in(file, std::ios::binary);
  in.read(bytes.data(), kBeginning);
  bytes.resize(in.gcount());
  return bytes;
}

std::string FingerprintOf(const fs::path& folder) {
  std::vector<fs::path> files;
  std::error_code error;
  for (fs::recursive_directory_iterator at(folder, error), end; !error && at != end;
       at.increment(error)) {
    std::error_code ignored;
    if (at->is_regular_file(ignored) && files.size() < kMaxFiles) files.push_back(at->path());
  }
  std::ranges::sort(files);
  Sha256 hash;
  for (const fs::path& file : files) {
    const auto size = static_cast<int64_t>(fs::file_size(file, error));
    hash.Update(absl::StrCat(file.lexically_relative(folder).string(), "\n", size, "\n"));
    hash.Update(Beginning(file));
  }
  return hash.Finish();
}

}  // namespace

std::vector<FoundModel> FindModels(const fs::path& models_dir) {
  std::vector<FoundModel> models;
  std::error_code error;
  if (models_dir.empty()) return models;
  for (fs::directory_iterator at(models_dir, error), end; !error && at != end;
       at.increment(error)) {
    std::error_code ignored;
    const std::string name = at->path().filename().string();
    if (!at->is_directory(ignored) || name.starts_with('.')) continue;
    models.push_back({.name = name, .fingerprint = {}});
  }
  std::ranges::sort(models, {}, &FoundModel::name);
  if (models.size() > kMaxModels) models.resize(kMaxModels);
  for (FoundModel& model : models) model.fingerprint = FingerprintOf(models_dir / model.name);
  return models;
}

}  // namespace alignflow
