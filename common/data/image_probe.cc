#include "common/data/image_probe.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/data/byte_reader.h"
#include "common/data/tiff_probe.h"

namespace alignflow {
namespace {

constexpr std::string_view kPngSignature("\x89PNG\r\n\x1a\n", 8);

absl::Status Invalid(const std::string& reason) { return absl::InvalidArgumentError(reason); }

absl::StatusOr<ImageHeader> Checked(absl::StatusOr<ImageHeader> probed) {
  if (!probed.ok()) return probed;
  const ImageHeader& header = *probed;
  if (header.width < 1 || header.height < 1) {
    return Invalid(absl::StrFormat("the %s header says %dx%d pixels",
                                   ImageFormatName(header.format), header.width, header.height));
  }
  if (header.channels < 1 || header.channels > 4 || header.bits < 1 || header.bits > 64) {
    return Invalid(absl::StrFormat("the %s header says %d channels of %d bits",
                                   ImageFormatName(header.format), header.channels, header.bits));
  }
  return probed;
}

// --- PNG (W3C PNG, third edition) ---

absl::StatusOr<ImageHeader> ProbePng(std::string_view bytes) {
  const ByteReader reader(bytes, /*big_endian=*/true);
  if (!reader.Holds(8, 25) || bytes.substr(12, 4) != "IHDR" || *reader.U32(8) != 13) {
    return Invalid("the PNG header is missing or cut short");
  }
  const int color = *reader.U8(25);
  constexpr std::array<int, 7> kChannels = {1, 0, 3, 3, 2, 0, 4};  // by colour type
  if (color > 6 || kChannels[color] == 0) {
    return Invalid(absl::StrCat("the PNG header has no such colour type: ", color));
  }
  return ImageHeader{ImageFormat::kPng, *reader.U32(16), *reader.U32(20), kChannels[color],
                     color == 3 ? 8 : static_cast<int>(*reader.U8(24))};
}

constexpr std::array<uint32_t, 256> MakeCrcTable() {
  std::array<uint32_t, 256> table{};
  for (uint32_t n = 0; n < 256; ++n) {
    uint32_t c = n;
    for (int k = 0; k < 8; ++k) c = c & 1 ? 0xedb88320u ^ c >> 1 : c >> 1;
    table[n] = c;
  }
  return table;
}

uint32_t Crc32(std::string_view bytes) {
  static constexpr std::array<uint32_t, 256> kTable = MakeCrcTable();
  uint32_t crc = 0xffffffffu;
  for (const char byte : bytes) crc = kTable[(crc ^ static_cast<uint8_t>(byte)) & 0xff] ^ crc >> 8;
  return crc ^ 0xffffffffu;
}

absl::Status CheckPng(std::string_view bytes) {
  const ByteReader reader(bytes, /*big_endian=*/true);
  bool data = false;
  for (uint64_t at = kPngSignature.size();;) {
    if (!reader.Holds(at, 12)) return Invalid("the PNG is cut short: it has no end chunk");
    const uint64_t length = *reader.U32(at);
    if (!reader.Holds(at, 12 + length)) return Invalid("the PNG is cut short inside a chunk");
    const std::string_view type = bytes.substr(at + 4, 4);
    if (Crc32(bytes.substr(at + 4, 4 + length)) != *reader.U32(at + 8 + length)) {
      return Invalid("a PNG chunk is damaged: its checksum does not match");
    }
    data = data || type == "IDAT";
    if (type == "IEND") break;
    at += 12 + length;
  }
  return data ? absl::OkStatus() : Invalid("the PNG holds no pixels");
}

// --- JPEG (ITU-T T.81, annex B) ---

constexpr uint8_t kSoi = 0xd8, kEoi = 0xd9, kSos = 0xda, kTem = 0x01;
bool IsRestart(uint8_t code) { return code >= 0xd0 && code <= 0xd7; }
bool IsFrame(uint8_t code) {
  return code >= 0xc0 && code <= 0xcf && code != 0xc4 && code != 0xc8 && code != 0xcc;
}

struct JpegMarker {
  uint8_t code = 0;
  size_t body = 0;    // offset behind the marker and its length
  size_t length = 0;  // of the body
};

// The marker at `at`, which must be there.
absl::StatusOr<JpegMarker> ReadMarker(std::string_view bytes, size_t at) {
  const ByteReader reader(bytes, /*big_endian=*/true);
  if (reader.U8(at) != 0xffu) {
    return Invalid(at >= bytes.size() ? "the JPEG is cut short: it has no end marker"
                                      : "the JPEG is damaged: a marker is missing");
  }
  while (reader.U8(at) == 0xffu) ++at;  // fill bytes
  if (!reader.U8(at)) return Invalid("the JPEG is cut short: it has no end marker");
  JpegMarker marker{static_cast<uint8_t>(*reader.U8(at)), at + 1, 0};
  if (marker.code == 0) return Invalid("the JPEG is damaged: a marker is missing");
  if (IsRestart(marker.code) || marker.code == kEoi || marker.code == kTem) return marker;
  const auto length = reader.U16(marker.body);
  if (!length || *length < 2 || !reader.Holds(marker.body, *length)) {
    return Invalid("the JPEG is cut short or damaged: a segment reaches beyond the file");
  }
  marker.body += 2;
  marker.length = *length - 2;
  return marker;
}

absl::StatusOr<ImageHeader> ProbeJpeg(std::string_view bytes) {
  const ByteReader reader(bytes, /*big_endian=*/true);
  for (size_t at = 2;;) {
    const auto marker = ReadMarker(bytes, at);
    if (!marker.ok()) return marker.status();
    if (IsFrame(marker->code)) {
      if (marker->length < 6) return Invalid("the JPEG frame header is cut short");
      return ImageHeader{ImageFormat::kJpeg, *reader.U16(marker->body + 3),
                         *reader.U16(marker->body + 1),
                         static_cast<int>(*reader.U8(marker->body + 5)),
                         static_cast<int>(*reader.U8(marker->body))};
    }
    if (marker->code == kEoi || marker->code == kSos) {
      return Invalid("the JPEG has no frame header");
    }
    at = marker->body + marker->length;
  }
}

absl::Status CheckJpeg(std::string_view bytes) {
  bool scan = false;
  for (size_t at = 2;;) {
    const auto marker = ReadMarker(bytes, at);
    if (!marker.ok()) return marker.status();
    if (marker->code == kEoi) break;
    at = marker->body + marker->length;
    if (marker->code != kSos) continue;
    scan = true;
    // Entropy-coded data runs to the next marker that is neither stuffing nor a restart.
    for (;; at += 2) {
      at = bytes.find('\xff', at);
      if (at == std::string_view::npos || at + 1 >= bytes.size()) {
        return Invalid("the JPEG is cut short: it has no end marker");
      }
      const uint8_t next = bytes[at + 1];
      if (next != 0 && !IsRestart(next)) break;
    }
  }
  return scan ? absl::OkStatus() : Invalid("the JPEG holds no pixels");
}

// --- BMP ---

absl::StatusOr<ImageHeader> ProbeBmp(std::string_view bytes) {
  const ByteReader reader(bytes, /*big_endian=*/false);
  const auto size = reader.U32(14);
  if (!size || (*size != 12 && *size < 40) || !reader.Holds(14, *size)) {
    return Invalid("the BMP header is missing or cut short");
  }
  ImageHeader header{ImageFormat::kBmp, 0, 0, 0, 8};
  int depth;
  if (*size == 12) {
    header.width = *reader.U16(18);
    header.height = *reader.U16(20);
    depth = *reader.U16(24);
  } else {
    header.width = static_cast<int32_t>(*reader.U32(18));
    header.height = static_cast<int32_t>(*reader.U32(22));
    header.height = std::max(header.height, -header.height);  // negative: top row first
    depth = *reader.U16(28);
  }
  header.channels = depth == 32 ? 4 : 3;
  return header;
}

absl::Status CheckBmp(std::string_view bytes, const ImageHeader& header) {
  const ByteReader reader(bytes, /*big_endian=*/false);
  const bool core = *reader.U32(14) == 12;
  const uint64_t depth = *reader.U16(core ? 24 : 28);
  const uint32_t compression = core ? 0 : *reader.U32(30);
  const bool plain = compression == 0 || compression == 3;
  const uint64_t stride = (header.width * depth + 31) / 32 * 4;
  const uint64_t pixels = plain ? stride * header.height : *reader.U32(34);
  if (!reader.Holds(*reader.U32(10), pixels)) return Invalid("the BMP is cut short");
  return absl::OkStatus();
}

}  // namespace

std::string_view ImageFormatName(ImageFormat format) {
  switch (format) {
    case ImageFormat::kPng:
      return "PNG";
    case ImageFormat::kJpeg:
      return "JPEG";
    case ImageFormat::kBmp:
      return "BMP";
    case ImageFormat::kTiff:
      return "TIFF";
  }
  return "";
}

absl::StatusOr<ImageHeader> ProbeImage(std::string_view bytes) {
  using namespace std::string_view_literals;
  if (bytes.empty()) return Invalid("the file is empty");
  if (bytes.starts_with(kPngSignature)) return Checked(ProbePng(bytes));
  if (bytes.starts_with("\xff\xd8"sv)) return Checked(ProbeJpeg(bytes));
  if (bytes.starts_with("BM"sv)) return Checked(ProbeBmp(bytes));
  if (bytes.starts_with("II*\0"sv) || bytes.starts_with("MM\0*"sv))
    return Checked(ProbeTiff(bytes));
  return Invalid("not a PNG, JPEG, BMP or TIFF file");
}

absl::Status CheckImageSize(const ImageHeader& header, int64_t file_bytes) {
  if (file_bytes > kMaxImageFileBytes) {
    return Invalid(absl::StrFormat("the file has %d bytes; at most %d are read", file_bytes,
                                   kMaxImageFileBytes));
  }
  if (std::max(header.width, header.height) > kMaxImageSide ||
      header.width * header.height > kMaxImagePixels) {
    return Invalid(absl::StrFormat(
        "the picture has %dx%d pixels; at most %d megapixels with sides up to %d are read",
        header.width, header.height, kMaxImagePixels >> 20, kMaxImageSide));
  }
  return absl::OkStatus();
}

absl::Status CheckImageComplete(std::string_view bytes) {
  const auto header = ProbeImage(bytes);
  if (!header.ok()) return header.status();
  switch (header->format) {
    case ImageFormat::kPng:
      return CheckPng(bytes);
    case ImageFormat::kJpeg:
      return CheckJpeg(bytes);
    case ImageFormat::kBmp:
      return CheckBmp(bytes, *header);
    case ImageFormat::kTiff:
      return CheckTiffComplete(bytes);
  }
  return absl::OkStatus();
}

}  // namespace alignflow
