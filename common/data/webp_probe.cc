#include <cstdint>

#include "common/data/byte_reader.h"
#include "common/data/format_probes.h"

namespace alignflow {
namespace {

constexpr uint64_t kFirstWebpChunk = 12;             // behind "RIFF", the size and "WEBP"
constexpr uint32_t kAnimated = 0x02, kAlpha = 0x10;  // flags of VP8X

// The end of the RIFF container, which must not lie beyond the file.
uint64_t ContainerEnd(const ByteReader& reader) { return 8 + uint64_t{*reader.U32(4)}; }

// The size in the bitstream of a chunk "VP8 " or "VP8L" whose data begins at `at`.
bool ReadStream(const ByteReader& reader, std::string_view type, uint64_t at, ImageHeader& header) {
  if (type == "VP8 ") {
    if (reader.U24(at + 3) != 0x2a019du || !reader.Holds(at, 10)) return false;
    header.width = *reader.U16(at + 6) & 0x3fff;
    header.height = *reader.U16(at + 8) & 0x3fff;
    header.lossy = true;
    return true;
  }
  const auto bits = reader.U32(at + 1);
  if (reader.U8(at) != 0x2fu || !bits) return false;
  header.width = (*bits & 0x3fff) + 1;
  header.height = (*bits >> 14 & 0x3fff) + 1;
  header.alpha = header.alpha || (*bits >> 28 & 1) != 0;
  return true;
}

}  // namespace

absl::StatusOr<ImageHeader> ProbeWebp(std::string_view bytes) {
  const ByteReader reader(bytes, /*big_endian=*/false);
  ImageHeader header{.format = ImageFormat::kWebp, .bits = 8};
  bool animated = false, stream = false;
  for (uint64_t at = kFirstWebpChunk; reader.Holds(at, 8);) {
    const std::string_view type = reader.Bytes(at, 4);
    const uint64_t length = *reader.U32(at + 4), data = at + 8;
    if (type == "VP8X" && at == kFirstWebpChunk && reader.Holds(data, 10)) {
      animated = (*reader.U8(data) & kAnimated) != 0;
      header.alpha = (*reader.U8(data) & kAlpha) != 0;
      header.width = *reader.U24(data + 4) + 1;
      header.height = *reader.U24(data + 7) + 1;
    } else if (!stream && (type == "VP8 " || type == "VP8L")) {
      stream = ReadStream(reader, type, data, header);
      if (!stream) return DamagedFile("the WebP's picture has no header");
    } else if (type == "EXIF") {
      header.orientation = ExifOrientation(reader.Bytes(data, length));
    }
    at = data + length + length % 2;
  }
  if (!animated && !stream) return DamagedFile("the WebP header is missing or cut short");
  header.channels = header.alpha ? 4 : 3;
  if (animated) header.unread = "an animation";
  return header;
}

absl::Status CheckWebpComplete(std::string_view bytes) {
  const ByteReader reader(bytes, /*big_endian=*/false);
  const uint64_t end = ContainerEnd(reader);
  if (end > bytes.size()) return DamagedFile("the WebP is cut short");
  for (uint64_t at = kFirstWebpChunk; at < end;) {
    if (!reader.Holds(at, 8)) return DamagedFile("the WebP is cut short inside a chunk");
    const uint64_t length = *reader.U32(at + 4);
    if (at + 8 + length > end) return DamagedFile("the WebP is cut short inside a chunk");
    at += 8 + length + length % 2;
  }
  return absl::OkStatus();
}

}  // namespace alignflow
