#ifndef ALIGNFLOW_TESTS_WORKER_MODELS_TOKENIZERS_RELEASE_FOLDER_H_
#define ALIGNFLOW_TESTS_WORKER_MODELS_TOKENIZERS_RELEASE_FOLDER_H_

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/common/temp_folder.h"
#include "worker/models/tokenizers/piece_model.h"

namespace alignflow {

inline std::filesystem::path ReleasesFolder() {
  return std::filesystem::path(ALIGNFLOW_TEST_DATA) / "releases";
}

// "transformers-5.24.0-diffusers-0.42.1", ...
inline std::vector<std::string> Releases() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(ReleasesFolder())) {
    const std::string name = entry.path().filename();
    if (name.starts_with("transformers-")) names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

inline std::string EncodeBase64(const std::string& bytes) {
  constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    uint32_t bits = 0;
    for (size_t j = i; j < i + 3; ++j) {
      bits = bits << 8 | (j < bytes.size() ? static_cast<unsigned char>(bytes[j]) : 0U);
    }
    for (size_t j = 0; j < 4; ++j) {
      text += i + j > bytes.size() ? '=' : kDigits[bits >> (18 - 6 * j) & 63];
    }
  }
  return text;
}

// What a release wrote, put together again (tests/reference/make_release_fixtures.py).
class ReleaseFolder {
 public:
  explicit ReleaseFolder(const std::string& release) {
    namespace fs = std::filesystem;
    const fs::path from = ReleasesFolder() / release;
    fs::copy(from, path(), fs::copy_options::recursive);
    const fs::path spiece =
        fs::path(ALIGNFLOW_TEST_DATA) / "sd35" / "tokenizers" / "tokenizer_3" / "spiece.model";
    const nlohmann::json shared = nlohmann::json::parse(ReadFile(from / "shared.json"));
    for (const auto& [file, name] : shared.items()) {
      fs::create_directories((path() / file).parent_path());
      if (name == "spiece.model") {
        fs::copy_file(spiece, path() / file);
        continue;
      }
      std::string text = ReadFile(ReleasesFolder() / "shared" / name.get<std::string>());
      const size_t place = text.find("CHARSMAP");
      if (place != text.npos) {
        text.replace(place, 8, EncodeBase64(ReadPieceModel(spiece).charsmap));
      }
      WriteFile(path() / file, text);
    }
    std::ifstream stream(path() / "ids.json");
    ids_ = nlohmann::json::parse(stream);
  }

  std::filesystem::path path() const { return folder_.path() / "model"; }
  // {tokenizer's folder: {number of a text: ids}} where they are not those of texts.json.
  const nlohmann::json& ids() const { return ids_; }

 private:
  TempFolder folder_;
  nlohmann::json ids_;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_TESTS_WORKER_MODELS_TOKENIZERS_RELEASE_FOLDER_H_
