// RLE frames (PS3.5, annex G). A decoder of our own: DCMTK's (3.6.7) reads outside of a damaged
// frame.
#include <algorithm>
#include <array>

#include "worker/dicom/element_walk.h"
#include "worker/dicom/frame_codecs.h"

namespace alignflow {
namespace {

constexpr size_t kHeaderBytes = 64, kMostSegments = 15;

// The bytes of a PackBits segment to every `stride`th byte of `to`. False if there are fewer than
// `count`; what follows them is padding.
bool Unpack(std::string_view segment, size_t count, size_t stride, char* to) {
  size_t at = 0, done = 0;
  while (done < count) {
    if (at >= segment.size()) return false;
    const int control = static_cast<int8_t>(segment[at++]);
    if (control == -128) continue;
    const size_t run = static_cast<size_t>(control >= 0 ? control + 1 : 1 - control);
    const size_t taken = std::min(run, count - done);
    if (segment.size() - at < (control >= 0 ? taken : 1)) return false;
    for (size_t i = 0; i < taken; ++i, ++done)
      to[done * stride] = segment[control >= 0 ? at + i : at];
    at += control >= 0 ? taken : 1;
  }
  return true;
}

}  // namespace

absl::StatusOr<CodecOutput> DecodeRle(std::string_view frame, const DicomHeader& header) {
  const auto bytes = static_cast<size_t>(header.bits_allocated / 8);
  const auto channels = static_cast<size_t>(header.samples);
  const auto pixels = static_cast<size_t>(header.pixels());
  if (frame.size() < kHeaderBytes) return DamagedDicom("an RLE frame is cut short");
  const size_t segments = Read32(frame, false);
  if (segments != bytes * channels || segments > kMostSegments) {
    return DamagedDicom("an RLE frame has another number of segments than its pixels need");
  }
  std::array<size_t, kMostSegments + 1> offsets{};
  for (size_t i = 0; i < segments; ++i) offsets[i] = Read32(frame.substr(4 + 4 * i), false);
  offsets[segments] = frame.size();
  CodecOutput output{.samples = std::string(pixels * channels * bytes, '\0'),
                     .photometric = header.photometric};
  for (size_t i = 0; i < segments; ++i) {
    if (offsets[i] < kHeaderBytes || offsets[i] > offsets[i + 1] || offsets[i + 1] > frame.size()) {
      return DamagedDicom("an RLE frame has segments outside of it");
    }
    // Of each channel the highest byte comes first.
    const size_t place = i / bytes * bytes + bytes - 1 - i % bytes;
    if (!Unpack(frame.substr(offsets[i], offsets[i + 1] - offsets[i]), pixels, channels * bytes,
                output.samples.data() + place)) {
      return DamagedDicom("an RLE frame is cut short");
    }
  }
  return output;
}

}  // namespace alignflow
