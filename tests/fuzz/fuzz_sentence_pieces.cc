// Any bytes as a SentencePiece model: either an error that is a std::runtime_error, or a model that
// cuts texts.
#include <cstdint>
#include <cstdlib>
#include <stdexcept>
#include <vector>

#include "tests/fuzz/memory_file.h"
#include "worker/models/tokenizers/sentence_pieces.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const alignflow::MemoryFile bytes(data, size);
  try {
    const alignflow::SentencePieces pieces(bytes.path());
    for (const char* text : {"", "  a polyp ", "\xEF\xAC\x81 \xC3\xA9\xCC\x81 \xF0\x9F\x99\x82"}) {
      std::vector<int64_t> ids;
      pieces.Encode(text, &ids);
      for (const int64_t id : ids) {
        if (id < 0 || id >= pieces.unigram().size()) std::abort();
      }
    }
  } catch (const std::runtime_error&) {
  }
  return 0;
}
