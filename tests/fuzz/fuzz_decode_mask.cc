// Any bytes as a mask, without labels, with greys and with colours: either a refusal with a remedy,
// or values of the header's size that, of colours, are all classes.
#include <cstdint>
#include <cstdlib>

#include "worker/data/image_decode.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const auto greys = *alignflow::LabelTable::Parse("polyp=255,instrument=128");
  static const auto colours = *alignflow::LabelTable::Parse("polyp=#ff0000,instrument=#00ff00");
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  for (const alignflow::LabelTable* labels :
       {static_cast<const alignflow::LabelTable*>(nullptr), &greys, &colours}) {
    const auto file = alignflow::ReadMask(bytes, "mask", labels);
    if (!file.ok()) {
      if (std::string(file.status().message()).find("; ") == std::string::npos) std::abort();
      continue;
    }
    if (file->pixels.type() != CV_8UC1 || file->pixels.cols != file->header.width ||
        file->pixels.rows != file->header.height) {
      std::abort();
    }
    const std::span<const uint8_t> pixels(file->pixels.data, file->pixels.total());
    if (labels == &colours && !labels->CheckMask(pixels, "mask").ok()) std::abort();
  }
  return 0;
}
