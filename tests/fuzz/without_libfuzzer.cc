// Runs a fuzz target where there is no libFuzzer, with the options that fuzz_test gives: the seeds
// as they are, then mutations of them from one random seed. It sees no coverage and so finds less;
// it is there so that a machine without clang runs the targets at all.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

std::mt19937_64 random_bits;

size_t Below(size_t limit) { return limit == 0 ? 0 : random_bits() % limit; }

void Mutate(std::string& text, const std::vector<std::string>& seeds, size_t max_size) {
  switch (Below(6)) {
    case 0:
      if (!text.empty()) text[Below(text.size())] ^= static_cast<char>(1 << Below(8));
      break;
    case 1:
      if (!text.empty()) text[Below(text.size())] = static_cast<char>(Below(256));
      break;
    case 2:
      text.insert(Below(text.size() + 1), 1, static_cast<char>(Below(256)));
      break;
    case 3:
      text.erase(Below(text.size() + 1), Below(16));
      break;
    case 4:
      text.resize(Below(text.size() + 1));
      break;
    default: {
      const std::string& other = seeds[Below(seeds.size())];
      const size_t begin = Below(other.size() + 1);
      text.insert(Below(text.size() + 1), other, begin, Below(64));
    }
  }
  if (text.size() > max_size) text.resize(max_size);
}

void Run(const std::string& text) {
  // A copy of exactly this size, so that the sanitizer sees what lies beyond it.
  const std::vector<uint8_t> bytes(text.begin(), text.end());
  LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
}

}  // namespace

int main(int argc, char** argv) {
  long runs = 1000;
  size_t max_size = 4096;
  std::vector<std::string> seeds;
  for (int i = 1; i < argc; ++i) {
    const std::string option = argv[i];
    const size_t value = option.find('=') + 1;
    if (option.starts_with("-runs=")) runs = std::atol(option.c_str() + value);
    if (option.starts_with("-seed=")) random_bits.seed(std::atol(option.c_str() + value));
    if (option.starts_with("-max_len=")) max_size = std::atol(option.c_str() + value);
    if (option.starts_with("-")) continue;
    for (const auto& entry : std::filesystem::directory_iterator(option)) {
      std::ifstream in(entry.path(), std::ios::binary);
      seeds.emplace_back(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
    }
  }
  if (seeds.empty()) seeds.emplace_back();
  for (const std::string& seed : seeds) Run(seed);
  for (long i = 0; i < runs; ++i) {
    std::string text = seeds[Below(seeds.size())];
    for (size_t mutations = 1 + Below(8); mutations > 0; --mutations) Mutate(text, seeds, max_size);
    Run(text);
  }
  std::printf("%ld runs\n", runs);
  return 0;
}
