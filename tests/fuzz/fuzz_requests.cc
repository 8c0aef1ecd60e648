// Any bytes as what requests name: tokens of pages and names of resources.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "server/services/requests.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const int page_size = size == 0 ? 0 : static_cast<int8_t>(data[0]);
  if (const auto page = alignflow::ParsePage(page_size, text); page.ok()) {
    if (page->size < 1 || page->size > 1000) std::abort();
    if (!text.empty() &&
        alignflow::ParsePage(0, alignflow::PageToken(page->before))->before != page->before) {
      std::abort();
    }
  }
  if (const auto id = alignflow::ParseName(text, "jobs", "name"); id.ok()) {
    if ("jobs/" + *id != text || !alignflow::CheckId(*id, "id").ok()) std::abort();
  }
  return 0;
}
