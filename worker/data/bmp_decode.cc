#include <opencv2/imgcodecs.hpp>

#include "common/data/byte_reader.h"
#include "common/data/format_probes.h"
#include "worker/data/stored_image.h"

namespace alignflow {
namespace {

// Takes the palette out of the file and puts a ramp of greys there, so that the pixels come back as
// their indices.
std::vector<cv::Vec3b> TakePalette(std::string& bytes, int bits) {
  const ByteReader reader(bytes, /*big_endian=*/false);
  const uint64_t header = reader.U32(14).value_or(0), entry = header == 12 ? 3 : 4;
  const uint64_t given = header == 12 ? 0 : reader.U32(46).value_or(0);
  const uint64_t count = given == 0 ? uint64_t{1} << bits : given;
  std::vector<cv::Vec3b> palette;
  for (uint64_t i = 0; i < count; ++i) {
    const uint64_t at = 14 + header + i * entry;
    palette.emplace_back(bytes.at(at), bytes.at(at + 1), bytes.at(at + 2));
    for (uint64_t k = 0; k < 3; ++k) bytes[at + k] = static_cast<char>(i);
  }
  return palette;
}

}  // namespace

absl::StatusOr<StoredImage> DecodeBmp(std::string_view bytes, const ImageHeader& header) {
  std::string copy(bytes);
  StoredImage image;
  if (header.palette) image.palette = TakePalette(copy, header.bits);
  const cv::Mat encoded(1, static_cast<int>(copy.size()), CV_8U, copy.data());
  image.samples = cv::imdecode(encoded, cv::IMREAD_UNCHANGED);
  if (image.samples.empty() || (header.palette && image.samples.channels() != 1)) {
    return DamagedFile("the BMP is damaged: it cannot be decoded");
  }
  return image;
}

}  // namespace alignflow
