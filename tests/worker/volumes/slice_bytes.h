#ifndef ALIGNFLOW_TESTS_WORKER_VOLUMES_SLICE_BYTES_H_
#define ALIGNFLOW_TESTS_WORKER_VOLUMES_SLICE_BYTES_H_

#include <opencv2/core.hpp>
#include <string>
#include <vector>

#include "absl/strings/str_format.h"
#include "tests/worker/dicom/dicom_bytes.h"

namespace alignflow {

inline constexpr char kAxial[] = "1\\0\\0\\0\\1\\0";

// What a frame says of its place: an item of functional groups, or a part of a data set.
inline DicomBytes& AddPlace(DicomBytes& set, const std::string& position,
                            const std::string& orientation = kAxial,
                            const std::string& spacing = "0.5\\0.25") {
  return set.Text(0x00200032, "DS", position)
      .Text(0x00200037, "DS", orientation)
      .Text(0x00280030, "DS", spacing);
}

// A slice of a CT series, 4 columns by 3 rows at z = 2 k, of the values first, first + 1, ...
inline DicomBytes SliceBytes(double k, int first = 0) {
  const cv::Mat pixels = Ramp(3, 4, CV_16S) + first;
  DicomBytes slice(pixels);
  slice.Text(0x00080016, "UI", "1.2.840.10008.5.1.4.1.1.2").Text(0x00080060, "CS", "CT");
  slice.Text(0x0020000e, "UI", "1.2.3");
  return AddPlace(slice, absl::StrFormat("10\\20\\%g", 2 * k));
}

// The elements of a group of all frames, or of one.
inline DicomBytes NoElements() { return DicomBytes(DicomBytes::Empty{}); }

// What all frames here share: direction and spacing.
inline DicomBytes SharedGroups() {
  DicomBytes shared = NoElements(), measures = NoElements(), orientation = NoElements();
  measures.Text(0x00280030, "DS", "0.5\\0.25");
  orientation.Text(0x00200037, "DS", kAxial);
  return shared.Sequence(0x00289110, measures).Sequence(0x00209116, orientation);
}
// A frame's place, 4 columns by 3 rows at z = 2 k.
inline DicomBytes FrameGroups(double k) {
  DicomBytes frame = NoElements(), place = NoElements();
  place.Text(0x00200032, "DS", absl::StrFormat("10\\20\\%g", 2 * k));
  return frame.Sequence(0x00209113, place);
}

// An MR volume in one file, whose frames, SliceBytes(k, 100 k), are stored in this order.
inline DicomBytes FramesBytes(const std::vector<int>& ks) {
  cv::Mat pixels;
  std::vector<DicomBytes> frames;
  for (const int k : ks) {
    pixels.push_back(cv::Mat(Ramp(3, 4, CV_16S) + 100 * k));
    frames.push_back(FrameGroups(k));
  }
  DicomBytes file(pixels, static_cast<int>(ks.size()));
  file.Text(0x00080016, "UI", "1.2.840.10008.5.1.4.1.1.4.1").Text(0x00080060, "CS", "MR");
  return file.Sequence(0x52009229, SharedGroups()).Sequence(0x52009230, frames);
}

// A segmentation of frames of 4 columns by 3 rows at z = 2 k, each of segment 1 + its number with
// the pixels of `bits`, 12 a frame.
inline DicomBytes SegmentationBytes(const std::vector<double>& ks, const std::string& bits,
                                    const std::string& type = "BINARY") {
  DicomBytes file;
  file.Text(0x00080016, "UI", "1.2.840.10008.5.1.4.1.1.66.4").Text(0x00080060, "CS", "SEG");
  file.Short(0x00280002, 1).Text(0x00280004, "CS", "MONOCHROME2");
  file.Text(0x00280008, "IS", std::to_string(ks.size())).Short(0x00280010, 3).Short(0x00280011, 4);
  file.Short(0x00280100, 1).Short(0x00280101, 1).Short(0x00280102, 0).Short(0x00280103, 0);
  file.Text(0x00620001, "CS", type);
  file.Sequence(0x52009229, SharedGroups());
  std::vector<DicomBytes> frames;
  int segment = 0;
  for (const double k : ks) {
    DicomBytes frame = FrameGroups(k), own = NoElements();
    own.Short(0x0062000b, ++segment);
    frames.push_back(frame.Sequence(0x0062000a, own));
  }
  file.Sequence(0x52009230, frames);
  std::string packed((bits.size() + 7) / 8, '\0');
  for (size_t i = 0; i < bits.size(); ++i) {
    if (bits[i] == '1') packed[i / 8] = static_cast<char>(packed[i / 8] | 1 << i % 8);
  }
  return file.Value(0x7fe00010, "OB", packed);
}

}  // namespace alignflow

#endif  // ALIGNFLOW_TESTS_WORKER_VOLUMES_SLICE_BYTES_H_
