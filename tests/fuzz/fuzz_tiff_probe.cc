// Any bytes as what follows a TIFF's signature, in both orders of bytes and both sizes of offsets,
// and as an EXIF block.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "common/data/format_probes.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace std::string_literals;
  for (const std::string& signature : {"II*\0"s, "MM\0*"s, "II+\0\b\0\0\0"s, "MM\0+\0\b\0\0"s}) {
    const std::string bytes = signature + std::string(reinterpret_cast<const char*>(data), size);
    const auto header = alignflow::ProbeTiff(bytes);
    if (header.ok() && (header->pictures < 1 || header->orientation < 1)) std::abort();
    if (alignflow::CheckTiffComplete(bytes).ok() && !header.ok() &&
        std::string(header.status().message()).find("palette") == std::string::npos) {
      std::abort();
    }
    const int orientation = alignflow::ExifOrientation(bytes);
    if (orientation < 1 || orientation > 8) std::abort();
  }
  return 0;
}
