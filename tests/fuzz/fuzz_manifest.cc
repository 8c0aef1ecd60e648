// Any bytes as a manifest: either refused, or written again as the same bytes.
#include <cstdint>
#include <cstdlib>

#include "common/data/manifest.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto manifest = alignflow::ParseManifest(bytes);
  if (manifest.ok() && *alignflow::WriteManifest(*manifest) != bytes) std::abort();
  return 0;
}
