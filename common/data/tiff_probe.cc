#include "common/data/tiff_probe.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>

#include "common/data/byte_reader.h"

namespace alignflow {
namespace {

struct TiffField {
  uint32_t type = 0;
  uint64_t count = 0;
  uint64_t at = 0;  // of the first value
};

class TiffDirectory {
 public:
  static absl::StatusOr<TiffDirectory> Open(std::string_view bytes) {
    const ByteReader reader(bytes, bytes[0] == 'M');
    const auto at = reader.U32(4);
    if (!at || !reader.U16(*at) ||
        !reader.Holds(*at + uint64_t{2}, *reader.U16(*at) * uint64_t{12})) {
      return absl::InvalidArgumentError("the TIFF directory is missing or cut short");
    }
    return TiffDirectory(reader, *at);
  }

  // The field of a tag; nothing if it is absent, given twice, of a type other than SHORT and LONG,
  // or beyond the file.
  std::optional<TiffField> Find(uint32_t tag) const {
    std::optional<TiffField> found;
    for (uint64_t i = 0; i < *reader_.U16(at_); ++i) {
      const uint64_t entry = at_ + 2 + i * 12;
      if (*reader_.U16(entry) != tag) continue;
      if (found) return std::nullopt;
      TiffField field{*reader_.U16(entry + 2), *reader_.U32(entry + 4), entry + 8};
      if (field.type != 3 && field.type != 4) return std::nullopt;
      const uint64_t bytes = field.count * Width(field);
      if (bytes > 4) field.at = *reader_.U32(entry + 8);
      if (field.count < 1 || !reader_.Holds(field.at, bytes)) return std::nullopt;
      found = field;
    }
    return found;
  }

  uint32_t Value(const TiffField& field, uint64_t index) const {
    const uint64_t at = field.at + index * Width(field);
    return field.type == 3 ? *reader_.U16(at) : *reader_.U32(at);
  }

  uint32_t ValueOr(uint32_t tag, uint32_t otherwise) const {
    const auto field = Find(tag);
    return field ? Value(*field, 0) : otherwise;
  }

  // Whether the values of all fields, whatever their type, and the link to the next directory are
  // in the file.
  bool Complete() const {
    constexpr std::array<uint64_t, 14> kWidths = {0, 1, 1, 2, 4, 8, 1,
                                                  1, 2, 4, 8, 4, 8, 4};  // by type
    const uint64_t end = at_ + 2 + *reader_.U16(at_) * uint64_t{12};
    for (uint64_t entry = at_ + 2; entry < end; entry += 12) {
      const uint32_t type = *reader_.U16(entry + 2);
      const uint64_t bytes = type < kWidths.size() ? *reader_.U32(entry + 4) * kWidths[type] : 0;
      if (bytes > 4 && !reader_.Holds(*reader_.U32(entry + 8), bytes)) return false;
    }
    return reader_.Holds(end, 4);
  }

  bool FileHolds(uint64_t at, uint64_t count) const { return reader_.Holds(at, count); }

 private:
  TiffDirectory(ByteReader reader, uint64_t at) : reader_(reader), at_(at) {}
  static uint64_t Width(const TiffField& field) { return field.type == 3 ? 2 : 4; }

  ByteReader reader_;
  uint64_t at_;
};

}  // namespace

absl::StatusOr<ImageHeader> ProbeTiff(std::string_view bytes) {
  const auto directory = TiffDirectory::Open(bytes);
  if (!directory.ok()) return directory.status();
  return ImageHeader{ImageFormat::kTiff, directory->ValueOr(256, 0), directory->ValueOr(257, 0),
                     static_cast<int>(std::min(directory->ValueOr(277, 1), 255u)),
                     static_cast<int>(std::min(directory->ValueOr(258, 1), 255u))};
}

absl::Status CheckTiffComplete(std::string_view bytes) {
  const auto directory = TiffDirectory::Open(bytes);
  if (!directory.ok()) return directory.status();
  if (!directory->Complete())
    return absl::InvalidArgumentError("the TIFF is cut short: its directory points beyond its end");
  const bool tiled = directory->Find(324).has_value();
  const auto offsets = directory->Find(tiled ? 324 : 273);
  const auto counts = directory->Find(tiled ? 325 : 279);
  if (!offsets || !counts || offsets->count != counts->count) {
    return absl::InvalidArgumentError("the TIFF is damaged: it does not say where its pixels are");
  }
  for (uint64_t i = 0; i < offsets->count; ++i) {
    if (!directory->FileHolds(directory->Value(*offsets, i), directory->Value(*counts, i))) {
      return absl::InvalidArgumentError("the TIFF is cut short: pixels lie beyond its end");
    }
  }
  return absl::OkStatus();
}

}  // namespace alignflow
