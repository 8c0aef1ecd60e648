#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>

#include "absl/strings/str_cat.h"
#include "common/data/byte_reader.h"
#include "common/data/format_probes.h"

namespace alignflow {
namespace {

using namespace std::string_view_literals;

// Tags and their values (TIFF 6.0).
constexpr uint32_t kSubfileType = 254, kWidth = 256, kHeight = 257, kBits = 258, kCompression = 259,
                   kPhotometric = 262, kStripOffsets = 273, kOrientation = 274, kSamples = 277,
                   kStripBytes = 279, kColorMap = 320, kTileOffsets = 324, kTileBytes = 325,
                   kSampleFormat = 339;
constexpr uint32_t kWhiteIsZero = 0, kBlackIsZero = 1, kRgb = 2, kPalette = 3, kMask = 4,
                   kYcbcr = 6;
constexpr uint32_t kShort = 3, kLong = 4, kLong8 = 16;  // types
constexpr uint32_t kJpeg = 7, kWebp = 50001;            // compressions that lose

struct TiffField {
  uint32_t type = 0;
  uint64_t count = 0;
  uint64_t at = 0;  // of the first value
};

// One directory of a TIFF (32-bit offsets) or a BigTIFF (64-bit offsets).
class TiffDirectory {
 public:
  static absl::StatusOr<TiffDirectory> Open(std::string_view bytes) {
    const ByteReader reader(bytes, bytes[0] == 'M');
    const bool big = reader.U16(2) == 43u;
    const auto first = big ? reader.U64(8) : reader.U32(4);
    const auto directory =
        first ? At(reader, big, *first) : std::optional<TiffDirectory>(std::nullopt);
    if (!directory) return DamagedFile("the TIFF directory is missing or cut short");
    return *directory;
  }

  // The directory behind this one; nothing at the end of the chain.
  std::optional<TiffDirectory> Next() const {
    const auto next = Offset(End());
    return next && *next != 0 ? At(reader_, big_, *next) : std::nullopt;
  }

  // The field of a tag; nothing if it is absent, given twice, of a type other than SHORT, LONG and
  // LONG8, or beyond the file.
  std::optional<TiffField> Find(uint32_t tag) const {
    std::optional<TiffField> found;
    for (uint64_t entry = first_; entry < End(); entry += EntryBytes()) {
      if (*reader_.U16(entry) != tag) continue;
      if (found) return std::nullopt;
      const TiffField field = FieldAt(entry);
      if (field.type != kShort && field.type != kLong && field.type != kLong8) return std::nullopt;
      if (field.count < 1 || !HoldsValues(field)) return std::nullopt;
      found = field;
    }
    return found;
  }

  uint64_t Value(const TiffField& field, uint64_t index) const {
    const uint64_t at = field.at + index * Width(field.type);
    return field.type == kShort  ? *reader_.U16(at)
           : field.type == kLong ? *reader_.U32(at)
                                 : *reader_.U64(at);
  }

  uint64_t ValueOr(uint32_t tag, uint64_t otherwise) const {
    const auto field = Find(tag);
    return field ? Value(*field, 0) : otherwise;
  }

  // Whether the values of all fields, whatever their type, and the link to the next directory are
  // in the file.
  bool Complete() const {
    for (uint64_t entry = first_; entry < End(); entry += EntryBytes()) {
      if (!HoldsValues(FieldAt(entry))) return false;
    }
    return Offset(End()).has_value();
  }

  bool FileHolds(uint64_t at, uint64_t count) const { return reader_.Holds(at, count); }

 private:
  TiffDirectory(ByteReader reader, bool big, uint64_t first, uint64_t entries)
      : reader_(reader), big_(big), first_(first), entries_(entries) {}

  static std::optional<TiffDirectory> At(const ByteReader& reader, bool big, uint64_t at) {
    const auto entries = big ? reader.U64(at) : reader.U16(at);
    if (!entries || *entries > 0xffff) return std::nullopt;
    const TiffDirectory directory(reader, big, at + (big ? 8 : 2), *entries);
    if (!reader.Holds(directory.first_, *entries * directory.EntryBytes())) return std::nullopt;
    return directory;
  }

  static uint64_t Width(uint32_t type) {
    constexpr std::array<uint64_t, 19> kWidths = {0, 1, 1, 2, 4, 8, 1, 1, 2, 4,
                                                  8, 4, 8, 4, 0, 0, 8, 8, 8};
    return type < kWidths.size() ? kWidths[type] : 0;
  }
  uint64_t EntryBytes() const { return big_ ? 20 : 12; }
  uint64_t End() const { return first_ + entries_ * EntryBytes(); }
  std::optional<uint64_t> Offset(uint64_t at) const {
    return big_ ? reader_.U64(at) : reader_.U32(at);
  }

  // An entry of the directory; where its values are.
  TiffField FieldAt(uint64_t entry) const {
    TiffField field{static_cast<uint32_t>(*reader_.U16(entry + 2)), *Offset(entry + 4),
                    entry + (big_ ? 12 : 8)};
    const uint64_t inside = big_ ? 8 : 4;
    if (field.count > inside || field.count * Width(field.type) > inside)
      field.at = *Offset(field.at);
    return field;
  }
  bool HoldsValues(const TiffField& field) const {
    const uint64_t width = Width(field.type);
    return width == 0 ||
           (field.count <= uint64_t{1} << 40 && reader_.Holds(field.at, field.count * width));
  }

  ByteReader reader_;
  bool big_;
  uint64_t first_;  // offset of the first entry
  uint64_t entries_;
};

// Pages, without the reduced copies and transparency masks that programs put beside them.
int CountPictures(TiffDirectory directory) {
  int pictures = 1;
  for (int seen = 1; seen < kMostPictures; ++seen) {
    const auto next = directory.Next();
    if (!next) break;
    directory = *next;
    if ((directory.ValueOr(kSubfileType, 0) & 5) == 0) ++pictures;
  }
  return pictures;
}

std::string UnreadPhotometric(uint64_t photometric) {
  switch (photometric) {
    case kWhiteIsZero:
    case kBlackIsZero:
    case kRgb:
    case kPalette:
    case kMask:
    case kYcbcr:
      return "";
    case 5:
      return "CMYK colours";
    case 8:
    case 9:
    case 10:
      return "CIELab colours";
    case 32803:
    case 34892:
      return "raw camera data";
    default:
      return absl::StrCat("colours of kind ", photometric, " in a TIFF");
  }
}

std::string UnreadCompression(uint64_t compression) {
  constexpr std::array<uint64_t, 13> kRead = {1,     2,     3,     4,     5,     kJpeg, 8,
                                              32771, 32773, 32946, 34925, 50000, kWebp};
  if (std::ranges::find(kRead, compression) != kRead.end()) return "";
  if (compression == 6) return "old-style JPEG compression in a TIFF";
  if (compression == 33003 || compression == 33005 || compression == 34712) {
    return "JPEG 2000 compression in a TIFF";
  }
  return absl::StrCat("compression ", compression, " in a TIFF");
}

// What of the samples' layout is not read.
std::string UnreadSamples(const ImageHeader& header, int colours, uint64_t sample_format) {
  if (sample_format == 2) return "signed samples";
  if (sample_format == 3) return "floating-point samples";
  if (sample_format != 1 && sample_format != 4) return "complex samples";
  if (header.channels < colours || header.channels > colours + (header.palette ? 0 : 1)) {
    return absl::StrCat(header.channels, " channels in a TIFF");
  }
  const bool small = header.bits == 1 || header.bits == 2 || header.bits == 4;
  const bool known =
      header.bits == 8 || (header.bits == 16 && !header.palette) || (small && header.channels == 1);
  return known ? "" : absl::StrCat(header.bits, " bits per sample in a TIFF");
}

bool AllEqual(const TiffDirectory& directory, uint32_t tag) {
  const auto field = directory.Find(tag);
  for (uint64_t i = 1; field && i < std::min<uint64_t>(field->count, 8); ++i) {
    if (directory.Value(*field, i) != directory.Value(*field, 0)) return false;
  }
  return true;
}

}  // namespace

absl::StatusOr<ImageHeader> ProbeTiff(std::string_view bytes) {
  const auto directory = TiffDirectory::Open(bytes);
  if (!directory.ok()) return directory.status();
  const auto number = [&](uint32_t tag, uint64_t otherwise, uint64_t most) {
    return static_cast<int64_t>(std::min(directory->ValueOr(tag, otherwise), most));
  };
  ImageHeader header{.format = ImageFormat::kTiff,
                     .width = number(kWidth, 0, UINT32_MAX),
                     .height = number(kHeight, 0, UINT32_MAX),
                     .channels = static_cast<int>(number(kSamples, 1, 255)),
                     .bits = static_cast<int>(number(kBits, 1, 255)),
                     .orientation = KnownOrientation(number(kOrientation, 1, 9)),
                     .pictures = CountPictures(*directory)};
  const uint64_t photometric =
      directory->ValueOr(kPhotometric, header.channels >= 3 ? kRgb : kBlackIsZero);
  const uint64_t compression = directory->ValueOr(kCompression, 1);
  const int colours = photometric == kRgb || photometric == kYcbcr ? 3 : 1;
  header.palette = photometric == kPalette;
  header.alpha = header.channels == colours + 1;
  header.lossy = compression == kJpeg || compression == kWebp;
  if (header.palette && !directory->Find(kColorMap)) {
    return DamagedFile("the TIFF is damaged: its palette is missing");
  }
  header.unread = UnreadPhotometric(photometric);
  if (header.unread.empty()) header.unread = UnreadCompression(compression);
  if (header.unread.empty() &&
      (!AllEqual(*directory, kBits) || !AllEqual(*directory, kSampleFormat)))
    header.unread = "channels of different kinds in a TIFF";
  if (header.unread.empty())
    header.unread = UnreadSamples(header, colours, directory->ValueOr(kSampleFormat, 1));
  return header;
}

absl::Status CheckTiffComplete(std::string_view bytes) {
  const auto directory = TiffDirectory::Open(bytes);
  if (!directory.ok()) return directory.status();
  if (!directory->Complete())
    return DamagedFile("the TIFF is cut short: its directory points beyond its end");
  const bool tiled = directory->Find(kTileOffsets).has_value();
  const auto offsets = directory->Find(tiled ? kTileOffsets : kStripOffsets);
  const auto counts = directory->Find(tiled ? kTileBytes : kStripBytes);
  if (!offsets || !counts || offsets->count != counts->count) {
    return DamagedFile("the TIFF is damaged: it does not say where its pixels are");
  }
  for (uint64_t i = 0; i < offsets->count; ++i) {
    if (!directory->FileHolds(directory->Value(*offsets, i), directory->Value(*counts, i))) {
      return DamagedFile("the TIFF is cut short: pixels lie beyond its end");
    }
  }
  return absl::OkStatus();
}

int KnownOrientation(uint64_t stored) {
  return stored >= 1 && stored <= 8 ? static_cast<int>(stored) : 1;
}

int ExifOrientation(std::string_view exif) {
  if (exif.starts_with("Exif\0\0"sv)) exif.remove_prefix(6);
  if (!exif.starts_with("II*\0"sv) && !exif.starts_with("MM\0*"sv)) return 1;
  const auto directory = TiffDirectory::Open(exif);
  if (!directory.ok()) return 1;
  return KnownOrientation(directory->ValueOr(kOrientation, 1));
}

}  // namespace alignflow
