// Any bytes as an image: either a refusal with a remedy, or a header within the limits.
#include <cstdint>
#include <cstdlib>

#include "common/data/image_rule.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  for (const auto role : {alignflow::FileRole::kImage, alignflow::FileRole::kMask}) {
    const auto file = alignflow::ProbeFile(bytes, role);
    if (!file.ok()) {
      if (std::string(file.status().message()).find("; ") == std::string::npos) std::abort();
      continue;
    }
    const alignflow::ImageHeader& header = file->header;
    if (header.width < 1 || header.height < 1 || header.channels < 1 || header.channels > 4 ||
        header.bits < 1 || header.bits > 16 || header.orientation < 1 || header.orientation > 8) {
      std::abort();
    }
  }
  return 0;
}
