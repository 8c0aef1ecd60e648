// Any bytes as the documents that a worker hands in: either refused, or what the coordinator can
// keep and show.
#include <cstdint>
#include <cstdlib>

#include "server/workflow/result_documents.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const alignflow::PairRange range{.first = 1, .last = 2};
  if (const auto pairs = alignflow::ParsePairs(bytes, range); pairs.ok()) {
    if (pairs->size() != 2 || (*pairs)[0].index != 1 || (*pairs)[1].index != 2) std::abort();
  }
  if (const auto masks = alignflow::ParseMasks(bytes, range); masks.ok()) {
    if (masks->size() != 2 || !(*masks)[0].image.empty()) std::abort();
  }
  (void)alignflow::ParseFigures(bytes).ok();
  (void)alignflow::ParseVerdicts(bytes).ok();
  return 0;
}
