#ifndef ALIGNFLOW_TESTS_WORKER_MODELS_TINY_SD35_H_
#define ALIGNFLOW_TESTS_WORKER_MODELS_TINY_SD35_H_

#include <filesystem>

namespace alignflow {

// Fills `folder` with the small SD 3.5 of tests/reference/make_tiny_sd35.py and its tokenizers.
inline void PutTinySd35(const std::filesystem::path& folder) {
  const std::filesystem::path data = std::filesystem::path(ALIGNFLOW_TEST_DATA) / "sd35";
  std::filesystem::create_directories(folder);
  const auto recursive = std::filesystem::copy_options::recursive;
  std::filesystem::copy(data / "tiny", folder, recursive);
  for (const char* name : {"tokenizer", "tokenizer_2", "tokenizer_3"}) {
    std::filesystem::copy(data / "tokenizers" / name, folder / name, recursive);
  }
}

}  // namespace alignflow

#endif  // ALIGNFLOW_TESTS_WORKER_MODELS_TINY_SD35_H_
