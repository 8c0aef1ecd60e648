// Any bytes as the tokenizer.json of CLIP and of T5: either an error that is a std::runtime_error,
// or a tokenizer that gives as many ids as it is asked for.
#include <cstdint>
#include <cstdlib>
#include <stdexcept>

#include "tests/common/temp_folder.h"
#include "worker/models/tokenizers/clip_tokenizer.h"
#include "worker/models/tokenizers/t5_tokenizer.h"

namespace {

constexpr int64_t kLength = 20;

template <typename Tokenizer>
void Try(const std::filesystem::path& folder) {
  try {
    const Tokenizer tokenizer(folder);
    for (const char* text :
         {"", "  a Polyp's </s>", "\xEF\xAC\x81 \xC3\xA9\xCC\x81 \xF0\x9F\x99\x82"}) {
      const std::vector<int64_t> ids = tokenizer.Encode(text, kLength);
      if (ids.size() != static_cast<size_t>(kLength)) std::abort();
      for (const int64_t id : ids) {
        if (id < 0 || id > INT32_MAX) std::abort();
      }
    }
  } catch (const std::runtime_error&) {
  } catch (const std::invalid_argument&) {  // a frame that is longer than the length
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const alignflow::TempFolder folder;
  alignflow::WriteFile(folder.path() / "tokenizer.json",
                       {reinterpret_cast<const char*>(data), size});
  alignflow::WriteFile(folder.path() / "tokenizer_config.json", R"({"extra_ids": 1})");
  Try<alignflow::ClipTokenizer>(folder.path());
  Try<alignflow::T5Tokenizer>(folder.path());
  return 0;
}
