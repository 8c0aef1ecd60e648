#ifndef ALIGNFLOW_WORKER_DICOM_SEGMENT_FRAME_H_
#define ALIGNFLOW_WORKER_DICOM_SEGMENT_FRAME_H_

#include <opencv2/core/mat.hpp>

#include "absl/status/statusor.h"
#include "worker/dicom/dicom_header.h"

// Segmentations (PS3.3, A.51 and C.8.20) as labels: segment number N is the value N. Errors are
// InvalidArgument and read "REASON; REMEDY". Thread-safe.
namespace alignflow {

// Refused unless it is a segmentation whose pixels are labels: binary, or a label map.
absl::Status CheckHasLabels(const DicomHeader& header);

// A frame's labels, CV_8UC1; 0 where it shows no segment. Refused: what DecodeFrame refuses, and
// segments with numbers beyond 255.
absl::StatusOr<cv::Mat> LabelsOfFrame(const ParsedDicom& dicom, int64_t frame);

// A picture's mask, CV_8UC1: all frames over each other. Refused besides: segments that overlap,
// and several frames of one segment, which are of a volume.
absl::StatusOr<cv::Mat> LabelsOfPicture(const ParsedDicom& dicom);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_DICOM_SEGMENT_FRAME_H_
