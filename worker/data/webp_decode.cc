#include <webp/decode.h>

#include "common/data/format_probes.h"
#include "worker/data/stored_image.h"

namespace alignflow {

absl::StatusOr<StoredImage> DecodeWebp(std::string_view bytes, const ImageHeader& header) {
  const auto* data = reinterpret_cast<const uint8_t*>(bytes.data());
  int width = 0, height = 0;
  StoredImage image;
  if (WebPGetInfo(data, bytes.size(), &width, &height) &&
      int64_t{width} * height == header.width * header.height) {
    image.samples.create(height, width, header.alpha ? CV_8UC4 : CV_8UC3);
    const size_t size = image.samples.total() * image.samples.elemSize();
    const int stride = static_cast<int>(image.samples.step);
    const auto decode = header.alpha ? WebPDecodeBGRAInto : WebPDecodeBGRInto;
    if (decode(data, bytes.size(), image.samples.data, size, stride) != nullptr) return image;
  }
  return DamagedFile("the WebP is damaged: it cannot be decoded");
}

}  // namespace alignflow
