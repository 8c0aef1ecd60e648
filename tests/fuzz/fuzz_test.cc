// Runs each fuzz target a bounded number of times from one seed, so that every run is the same.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdlib>
#include <filesystem>

#include "tests/common/temp_folder.h"

namespace alignflow {
namespace {

void RunTarget(const std::string& target, const std::string& seed_input, int runs) {
  const std::filesystem::path program = std::filesystem::path(ALIGNFLOW_BIN_DIR) / target;
  if (!std::filesystem::exists(program)) GTEST_SKIP() << "needs clang++ and its libFuzzer";
  const TempFolder folder;
  const std::filesystem::path corpus = folder.path() / "corpus", log = folder.path() / "log";
  std::filesystem::create_directory(corpus);
  WriteFile(corpus / "seed", seed_input);
  const std::string command = "ASAN_OPTIONS=detect_leaks=0 " + program.string() +
                              " -seed=1 -runs=" + std::to_string(runs) +
                              " -max_len=1024 -artifact_prefix=" + folder.path().string() + "/ " +
                              corpus.string() + " >" + log.string() + " 2>&1";
  const int status = std::system(command.c_str());
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << ReadFile(log);
}

TEST(FuzzTest, NoSafetensorsFileReadsOutsideItsBytes) {
  const std::string header =
      R"({"__metadata__":{"k":"v"},"a":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]},)"
      R"("b":{"dtype":"BF16","shape":[2],"data_offsets":[8,12]}})";
  std::string size(8, '\0');
  size[0] = static_cast<char>(header.size());
  RunTarget("fuzz_safetensors", size + header + std::string(12, 'x'), 20000);
}

TEST(FuzzTest, NoSentencePieceModelReadsOutsideItsBytes) {
  // Pieces "<unk>" (unknown), "\u2581a" and "p", and a table of normalization of two units.
  const std::string model = std::string("\x0a\x09\x0a\x05<unk>\x18\x02", 11) +
                            std::string("\x0a\x0b\x0a\x04\xE2\x96\x81\x61\x15\0\0\x80\xBF", 13) +
                            std::string("\x0a\x08\x0a\x01p\x15\0\0\0\xC0", 10) +
                            std::string("\x1a\x10\x12\x0e\x08\0\0\0\0\x04\0\0\x61\0\0\0x\0", 18);
  RunTarget("fuzz_sentence_pieces", model, 100000);
}

}  // namespace
}  // namespace alignflow
