#ifndef ALIGNFLOW_WORKER_DICOM_ELEMENT_WALK_H_
#define ALIGNFLOW_WORKER_DICOM_ELEMENT_WALK_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

// The data elements of a DICOM data set (PS3.5, chapter 7), one after the other, as views into the
// file's bytes. The bytes are anybody's: every read is bounds-checked, nothing is allocated by what
// a length claims, sequences are nested kMostNested deep at most, and the time is linear in the
// bytes. A reader of our own, because DCMTK's follows nested sequences without a bound and keeps
// every element; here what is not asked for is passed over. Pure, thread-safe.
//
// Errors are InvalidArgument and read "REASON; REMEDY".
namespace alignflow {

inline constexpr int kMostNested = 32;

// How elements are written.
struct ElementCoding {
  bool explicit_vr = true;
  bool big_endian = false;
};

// (GGGG,EEEE) as one number.
constexpr uint32_t DicomTag(uint16_t group, uint16_t element) {
  return static_cast<uint32_t>(group) << 16 | element;
}
inline constexpr uint32_t kPixelDataTag = DicomTag(0x7fe0, 0x0010);

struct DicomElement {
  uint32_t tag = 0;
  std::string vr = {};          // two letters; empty where it is not written
  std::string_view value = {};  // of a sequence its items, with what delimits them
  bool undefined_length = false;
  ElementCoding coding = {};  // of the value: an unknown (UN) sequence is written implicitly
};

class ElementWalk {
 public:
  // `bytes` must outlive it and its elements.
  ElementWalk(std::string_view bytes, ElementCoding coding) : bytes_(bytes), coding_(coding) {}

  // The next element; nothing at the end. The value of the pixel data is looked for only where
  // `values_of_pixels`: a reader of headers may have been given the start of a file alone.
  absl::StatusOr<std::optional<DicomElement>> Next(bool values_of_pixels = true);
  size_t position() const { return at_; }

 private:
  std::string_view bytes_;
  ElementCoding coding_;
  size_t at_ = 0;
};

// The items of a sequence's value; of encapsulated pixel data the fragments, the table of offsets
// first.
absl::StatusOr<std::vector<std::string_view>> ItemsOf(const DicomElement& sequence);

// 16 and 32 bits at the start of `bytes`, which must have as many.
uint16_t Read16(std::string_view bytes, bool big_endian);
uint32_t Read32(std::string_view bytes, bool big_endian);

// The refusal of a file whose bytes are not what the standard says.
absl::Status DamagedDicom(std::string_view reason);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_DICOM_ELEMENT_WALK_H_
