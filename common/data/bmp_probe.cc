#include <cstdint>
#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "common/data/byte_reader.h"
#include "common/data/format_probes.h"

namespace alignflow {
namespace {

constexpr uint32_t kPlain = 0, kBitFields = 3;  // compressions

// The fields of the file header and of the information header behind it.
struct BmpFields {
  uint64_t palette_at = 0;
  uint64_t palette_bytes = 0;
  uint64_t pixels_at = 0;
  int64_t width = 0, height = 0;  // height is negative where the top row comes first
  uint32_t depth = 0;             // bits per pixel
  uint32_t compression = kPlain;
  bool usual_masks = true;  // of bit fields: as OpenCV takes them
};

bool HasUsualMasks(const ByteReader& reader, uint32_t depth) {
  const auto red = reader.U32(54), green = reader.U32(58), blue = reader.U32(62);
  if (depth == 32) return red == 0xff0000u && green == 0xff00u && blue == 0xffu;
  if (depth != 16) return false;
  return (red == 0xf800u && green == 0x7e0u && blue == 0x1fu) ||
         (red == 0x7c00u && green == 0x3e0u && blue == 0x1fu);
}

absl::StatusOr<BmpFields> ReadFields(std::string_view bytes) {
  const ByteReader reader(bytes, /*big_endian=*/false);
  const auto size = reader.U32(14);
  if (!size || (*size != 12 && *size < 40) || !reader.Holds(14, *size)) {
    return DamagedFile("the BMP header is missing or cut short");
  }
  BmpFields fields;
  fields.pixels_at = *reader.U32(10);
  fields.palette_at = 14 + uint64_t{*size};
  uint64_t colours = 0;
  if (*size == 12) {
    fields.width = *reader.U16(18);
    fields.height = *reader.U16(20);
    fields.depth = *reader.U16(24);
  } else {
    fields.width = static_cast<int32_t>(*reader.U32(18));
    fields.height = static_cast<int32_t>(*reader.U32(22));
    fields.depth = *reader.U16(28);
    fields.compression = *reader.U32(30);
    colours = *reader.U32(46);
    if (fields.compression == kBitFields) fields.usual_masks = HasUsualMasks(reader, fields.depth);
  }
  if (fields.depth <= 8) {
    const uint64_t most = uint64_t{1} << fields.depth;
    if (colours > most) return DamagedFile("the BMP's palette has more colours than it can index");
    fields.palette_bytes = (colours == 0 ? most : colours) * (*size == 12 ? 3 : 4);
  }
  return fields;
}

std::string UnreadCoding(const BmpFields& fields) {
  if (fields.compression == 1 || fields.compression == 2) return "run-length compression in a BMP";
  if (fields.compression != kPlain && fields.compression != kBitFields) {
    return absl::StrCat("compression ", fields.compression, " in a BMP");
  }
  if (!fields.usual_masks) return "bit fields of an unusual layout in a BMP";
  for (const uint32_t depth : {1, 4, 8, 16, 24, 32}) {
    if (fields.depth == depth) return "";
  }
  return absl::StrCat(fields.depth, " bits per pixel in a BMP");
}

}  // namespace

absl::StatusOr<ImageHeader> ProbeBmp(std::string_view bytes) {
  const auto fields = ReadFields(bytes);
  if (!fields.ok()) return fields.status();
  const bool palette = fields->depth <= 8;
  return ImageHeader{.format = ImageFormat::kBmp,
                     .width = fields->width,
                     .height = std::abs(fields->height),
                     .channels = palette               ? 1
                                 : fields->depth == 32 ? 4
                                                       : 3,
                     .bits = palette ? static_cast<int>(fields->depth) : 8,
                     .palette = palette,
                     .alpha = fields->depth == 32,
                     .unread = UnreadCoding(*fields)};
}

absl::Status CheckBmpComplete(std::string_view bytes) {
  const auto fields = ReadFields(bytes);
  if (!fields.ok()) return fields.status();
  const ByteReader reader(bytes, /*big_endian=*/false);
  const uint64_t width = std::abs(fields->width), height = std::abs(fields->height);
  const uint64_t stride = (width * fields->depth + 31) / 32 * 4;
  if (!reader.Holds(fields->palette_at, fields->palette_bytes)) {
    return DamagedFile("the BMP is cut short: its palette lies beyond its end");
  }
  if (!reader.Holds(fields->pixels_at, stride * height)) {
    return DamagedFile("the BMP is cut short");
  }
  return absl::OkStatus();
}

}  // namespace alignflow
