#include "worker/dicom/element_walk.h"

#include <array>
#include <utility>

#include "absl/strings/str_cat.h"

namespace alignflow {
namespace {

constexpr uint32_t kItem = DicomTag(0xfffe, 0xe000), kItemEnd = DicomTag(0xfffe, 0xe00d),
                   kSequenceEnd = DicomTag(0xfffe, 0xe0dd);
constexpr uint32_t kUndefined = 0xffffffff;

absl::Status CutShort() { return DamagedDicom("it is cut short"); }

// Takes what is read from the front of the rest.
class Cursor {
 public:
  Cursor(std::string_view bytes, size_t at, bool big_endian)
      : bytes_(bytes), at_(at), big_endian_(big_endian) {}

  bool Has(size_t count) const { return bytes_.size() - at_ >= count; }
  uint16_t Take16() { return Read16(Take(2), big_endian_); }
  uint32_t Take32() { return Read32(Take(4), big_endian_); }
  std::string_view Take(size_t count) {
    const std::string_view taken = bytes_.substr(at_, count);
    at_ += count;
    return taken;
  }
  uint32_t TakeTag() {
    const uint16_t group = Take16();
    return DicomTag(group, Take16());
  }
  size_t at() const { return at_; }

 private:
  std::string_view bytes_;
  size_t at_;
  bool big_endian_;
};

// Representations whose length has 32 bits (PS3.5, 7.1.2).
bool HasLongLength(std::string_view vr) {
  for (const std::string_view known :
       {"OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"}) {
    if (vr == known) return true;
  }
  return false;
}

bool IsLetters(std::string_view vr) {
  return vr[0] >= 'A' && vr[0] <= 'Z' && vr[1] >= 'A' && vr[1] <= 'Z';
}

// What stands before an element's value.
struct Start {
  uint32_t tag = 0;
  std::string vr;
  uint32_t length = 0;
  size_t value_at = 0;
};

absl::StatusOr<Start> ReadStart(std::string_view bytes, size_t at, const ElementCoding& coding) {
  Cursor cursor(bytes, at, coding.big_endian);
  if (!cursor.Has(8)) return CutShort();
  Start start;
  start.tag = cursor.TakeTag();
  // Items and what ends them have no representation, however the rest is written.
  if (!coding.explicit_vr || start.tag >> 16 == 0xfffe) {
    start.length = cursor.Take32();
  } else {
    start.vr = std::string(cursor.Take(2));
    if (!IsLetters(start.vr)) {
      return DamagedDicom("an element has no value representation where one must be");
    }
    if (HasLongLength(start.vr)) {
      cursor.Take16();
      if (!cursor.Has(4)) return CutShort();
      start.length = cursor.Take32();
    } else {
      start.length = cursor.Take16();
    }
  }
  start.value_at = cursor.at();
  return start;
}

// An unknown element of undefined length is a sequence written implicitly (PS3.5, 6.2.2).
ElementCoding CodingInside(const Start& start, const ElementCoding& coding) {
  if (start.vr != "UN" || start.length != kUndefined) return coding;
  return {.explicit_vr = false, .big_endian = false};
}

absl::StatusOr<size_t> EndOfItems(std::string_view bytes, size_t at, const ElementCoding& coding,
                                  bool pixels, int depth);

// The end of an item of undefined length, behind what ends it.
absl::StatusOr<size_t> EndOfItem(std::string_view bytes, size_t at, const ElementCoding& coding,
                                 int depth) {
  while (true) {
    const absl::StatusOr<Start> start = ReadStart(bytes, at, coding);
    if (!start.ok()) return start.status();
    if (start->tag == kItemEnd) return start->value_at;
    if (start->length == kUndefined) {
      const auto end =
          EndOfItems(bytes, start->value_at, CodingInside(*start, coding), false, depth + 1);
      if (!end.ok()) return end.status();
      at = *end;
    } else {
      if (bytes.size() - start->value_at < start->length) return CutShort();
      at = start->value_at + start->length;
    }
  }
}

// The end of a sequence of undefined length, behind what ends it.
absl::StatusOr<size_t> EndOfItems(std::string_view bytes, size_t at, const ElementCoding& coding,
                                  bool pixels, int depth) {
  if (depth > kMostNested) {
    return DamagedDicom(absl::StrCat("its sequences are nested more than ", kMostNested, " deep"));
  }
  while (true) {
    const absl::StatusOr<Start> start = ReadStart(bytes, at, coding);
    if (!start.ok()) return start.status();
    if (start->tag == kSequenceEnd) return start->value_at;
    if (start->tag != kItem) return DamagedDicom("a sequence holds something that is no item");
    if (start->length != kUndefined) {
      if (bytes.size() - start->value_at < start->length) return CutShort();
      at = start->value_at + start->length;
      continue;
    }
    if (pixels) return DamagedDicom("a fragment of its pixels has no length");
    const auto end = EndOfItem(bytes, start->value_at, coding, depth);
    if (!end.ok()) return end.status();
    at = *end;
  }
}

}  // namespace

absl::StatusOr<std::optional<DicomElement>> ElementWalk::Next(bool values_of_pixels) {
  if (at_ >= bytes_.size()) return std::nullopt;
  const absl::StatusOr<Start> start = ReadStart(bytes_, at_, coding_);
  if (!start.ok()) return start.status();
  DicomElement element{.tag = start->tag,
                       .vr = start->vr,
                       .value = {},
                       .undefined_length = start->length == kUndefined,
                       .coding = CodingInside(*start, coding_)};
  if (element.tag == kPixelDataTag && !values_of_pixels) {
    at_ = bytes_.size();
    return element;
  }
  size_t end = start->value_at + start->length;
  if (element.undefined_length) {
    const auto found = EndOfItems(bytes_, start->value_at, element.coding,
                                  element.tag == kPixelDataTag, /*depth=*/0);
    if (!found.ok()) return found.status();
    end = *found;
  } else if (bytes_.size() - start->value_at < start->length) {
    return CutShort();
  }
  element.value = bytes_.substr(start->value_at, end - start->value_at);
  at_ = end;
  return element;
}

absl::StatusOr<std::vector<std::string_view>> ItemsOf(const DicomElement& sequence) {
  std::vector<std::string_view> items;
  for (size_t at = 0; at < sequence.value.size();) {
    const absl::StatusOr<Start> start = ReadStart(sequence.value, at, sequence.coding);
    if (!start.ok()) return start.status();
    if (start->tag == kSequenceEnd) break;
    if (start->tag != kItem) return DamagedDicom("a sequence holds something that is no item");
    if (start->length == kUndefined) {
      const auto end = EndOfItem(sequence.value, start->value_at, sequence.coding, /*depth=*/0);
      if (!end.ok()) return end.status();
      constexpr size_t kItemEndBytes = 8;
      items.push_back(
          sequence.value.substr(start->value_at, *end - kItemEndBytes - start->value_at));
      at = *end;
    } else {
      if (sequence.value.size() - start->value_at < start->length) return CutShort();
      items.push_back(sequence.value.substr(start->value_at, start->length));
      at = start->value_at + start->length;
    }
  }
  return items;
}

uint16_t Read16(std::string_view bytes, bool big_endian) {
  const auto first = static_cast<uint8_t>(bytes[0]), second = static_cast<uint8_t>(bytes[1]);
  return static_cast<uint16_t>(big_endian ? first << 8 | second : second << 8 | first);
}

uint32_t Read32(std::string_view bytes, bool big_endian) {
  const uint32_t first = Read16(bytes, big_endian), second = Read16(bytes.substr(2), big_endian);
  return big_endian ? first << 16 | second : second << 16 | first;
}

absl::Status DamagedDicom(std::string_view reason) {
  return absl::InvalidArgumentError(
      absl::StrCat("the DICOM file is damaged: ", std::string(reason),
                   "; copy it again from where it came from, or leave it out"));
}

}  // namespace alignflow
