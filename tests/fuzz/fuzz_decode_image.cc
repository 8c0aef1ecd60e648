// Any bytes as an image: either a refusal with a remedy, or a picture of the size in its header.
#include <cstdint>
#include <cstdlib>

#include "worker/data/image_decode.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto file = alignflow::ReadImage(bytes, "image", 12);
  if (!file.ok()) {
    if (std::string(file.status().message()).find("; ") == std::string::npos) std::abort();
    return 0;
  }
  if (file->pixels.type() != CV_8UC3 || file->pixels.cols != file->header.width ||
      file->pixels.rows != file->header.height) {
    std::abort();
  }
  return 0;
}
