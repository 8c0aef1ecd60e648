#include <cstdint>

#include "absl/strings/str_cat.h"
#include "common/data/byte_reader.h"
#include "common/data/format_probes.h"

namespace alignflow {
namespace {

using namespace std::string_view_literals;

constexpr uint8_t kEoi = 0xd9, kSos = 0xda, kTem = 0x01, kApp1 = 0xe1;
constexpr uint64_t kFirstMarker = 2;  // behind the start of the image

bool IsRestart(uint8_t code) { return code >= 0xd0 && code <= 0xd7; }
bool IsFrame(uint8_t code) {
  return code >= 0xc0 && code <= 0xcf && code != 0xc4 && code != 0xc8 && code != 0xcc;
}

struct JpegMarker {
  uint8_t code = 0;
  uint64_t body = 0;    // offset behind the marker and its length
  uint64_t length = 0;  // of the body
};

// The marker at `at`, which must be there.
absl::StatusOr<JpegMarker> ReadMarker(const ByteReader& reader, uint64_t at) {
  if (reader.U8(at) != 0xffu) {
    return DamagedFile(reader.Holds(at, 1) ? "the JPEG is damaged: a marker is missing"
                                           : "the JPEG is cut short: it has no end marker");
  }
  while (reader.U8(at) == 0xffu) ++at;  // fill bytes
  if (!reader.U8(at)) return DamagedFile("the JPEG is cut short: it has no end marker");
  JpegMarker marker{static_cast<uint8_t>(*reader.U8(at)), at + 1, 0};
  if (marker.code == 0) return DamagedFile("the JPEG is damaged: a marker is missing");
  if (IsRestart(marker.code) || marker.code == kEoi || marker.code == kTem) return marker;
  const auto length = reader.U16(marker.body);
  if (!length || *length < 2 || !reader.Holds(marker.body, *length)) {
    return DamagedFile("the JPEG is cut short or damaged: a segment reaches beyond the file");
  }
  marker.body += 2;
  marker.length = *length - 2;
  return marker;
}

// What the frame of that marker is coded by, where it is not read.
std::string UnreadFrame(uint8_t frame, const ImageHeader& header) {
  if (header.bits != 8) return absl::StrCat(header.bits, " bits in a JPEG");
  if (frame == 0xc3 || frame == 0xc7 || frame == 0xcb || frame == 0xcf) return "lossless JPEG";
  if (frame > 0xc2 && frame != 0xc9 && frame != 0xca) return "hierarchical JPEG";
  if (header.channels == 4) return "CMYK colours";
  if (header.channels != 1 && header.channels != 3) {
    return absl::StrCat(header.channels, " channels in a JPEG");
  }
  return "";
}

}  // namespace

absl::StatusOr<ImageHeader> ProbeJpeg(std::string_view bytes) {
  const ByteReader reader(bytes, /*big_endian=*/true);
  ImageHeader header{.format = ImageFormat::kJpeg, .lossy = true};
  bool exif = false;
  for (uint64_t at = kFirstMarker;;) {
    const auto marker = ReadMarker(reader, at);
    if (!marker.ok()) return marker.status();
    const std::string_view body = reader.Bytes(marker->body, marker->length);
    if (!exif && marker->code == kApp1 && body.starts_with("Exif\0\0"sv)) {
      exif = true;
      header.orientation = ExifOrientation(body);
    }
    if (IsFrame(marker->code)) {
      if (marker->length < 6) return DamagedFile("the JPEG frame header is cut short");
      header.width = *reader.U16(marker->body + 3);
      header.height = *reader.U16(marker->body + 1);
      header.channels = static_cast<int>(*reader.U8(marker->body + 5));
      header.bits = static_cast<int>(*reader.U8(marker->body));
      header.unread = UnreadFrame(marker->code, header);
      return header;
    }
    if (marker->code == kEoi || marker->code == kSos) {
      return DamagedFile("the JPEG has no frame header");
    }
    at = marker->body + marker->length;
  }
}

absl::Status CheckJpegComplete(std::string_view bytes) {
  const ByteReader reader(bytes, /*big_endian=*/true);
  bool scan = false;
  for (uint64_t at = kFirstMarker;;) {
    const auto marker = ReadMarker(reader, at);
    if (!marker.ok()) return marker.status();
    if (marker->code == kEoi) break;
    at = marker->body + marker->length;
    if (marker->code != kSos) continue;
    scan = true;
    // Entropy-coded data runs to the next marker that is neither stuffing nor a restart.
    for (;; at += 2) {
      at = bytes.find('\xff', at);
      if (at == std::string_view::npos || at + 1 >= bytes.size()) {
        return DamagedFile("the JPEG is cut short: it has no end marker");
      }
      const uint8_t next = bytes[at + 1];
      if (next != 0 && !IsRestart(next)) break;
    }
  }
  return scan ? absl::OkStatus() : DamagedFile("the JPEG holds no pixels");
}

}  // namespace alignflow
