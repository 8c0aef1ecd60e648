#ifndef ALIGNFLOW_WORKER_DICOM_SYNTHETIC_DICOM_H_
#define ALIGNFLOW_WORKER_DICOM_SYNTHETIC_DICOM_H_

#include <array>
#include <cstdint>
#include <opencv2/core/mat.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

// Pairs of synthetic images and masks as DICOM files, marked as such: Synthetic Data (0008,001C) is
// YES, Conversion Type is SYN, and Synthesizing Equipment (DCM 109100) contributed. Patient, study
// and UIDs are made of the pair; nothing of a source is known here. docs/data.md tells what is in
// the files. The same input gives the same bytes. Thread-safe.
namespace alignflow {

// Which pair of which job, and how it was made.
struct SyntheticOrigin {
  std::string job;  // "jobs/x"
  int pair = 0;
  std::string kind;    // "generated", "restyled", "recoloured" or "framed"; or empty
  std::string digest;  // of the image and the mask as the job has them
  int64_t made_s = 0;  // when the job was made, in seconds since 1970; UTC
  bool new_mask = false;
};

// Where the frames of a volume lie (PS3.3, C.7.6.16.2.3 and C.7.6.16.2.4), in millimetres to the
// patient's left, back and up.
struct FramePlanes {
  std::array<double, 6> orientation{};           // directions of a row, then of a column
  std::array<double, 2> spacing{};               // between rows, then between columns
  double thickness = 0;                          // between frames
  std::vector<std::array<double, 3>> positions;  // of each frame's first pixel's centre
};

// A picture: one frame, of BGR or grey bytes. A volume: a 16-bit frame for each slice.
struct SyntheticImage {
  std::vector<cv::Mat> frames;      // CV_8UC3 or CV_8UC1; CV_16UC1 of volumes; of one size
  double slope = 1, intercept = 0;  // value = slope * stored + intercept; of volumes
  std::optional<std::pair<double, double>> shown;  // values that are black and white; of volumes
  std::optional<FramePlanes> planes;               // of volumes
};

// Classes on the image's frames: 0 for the background, 1, 2, ... for segments.
struct SyntheticMask {
  struct Segment {
    std::string name;
    std::optional<uint32_t> colour = {};  // 0xRRGGBB
  };
  std::vector<cv::Mat> frames;  // CV_8UC1
  std::vector<Segment> segments;
  std::optional<FramePlanes> planes;
};

// The image as a Secondary Capture Image (PS3.3, A.8.1): RGB, or MONOCHROME2 where all its pixels
// are grey; a volume as a Multi-frame Grayscale Word Secondary Capture Image (A.8.4).
absl::StatusOr<std::string> PackSyntheticImage(const SyntheticOrigin& origin,
                                               const SyntheticImage& image);

// The mask as a binary Segmentation (A.51) that refers to the image's frames, of which volumes have
// those alone in which a segment is; at least one for each segment.
absl::StatusOr<std::string> PackSyntheticMask(const SyntheticOrigin& origin,
                                              const SyntheticMask& mask);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_DICOM_SYNTHETIC_DICOM_H_
