#include "worker/dicom/segment_frame.h"

#include <opencv2/core.hpp>
#include <set>
#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "worker/dicom/dicom_frame.h"
#include "worker/dicom/dicom_kind.h"
#include "worker/dicom/element_walk.h"

namespace alignflow {
namespace {

constexpr int kMostLabel = 255;

absl::Status RefuseSegments(const std::string& reason, const std::string& remedy) {
  return absl::InvalidArgumentError(absl::StrCat(reason, "; ", remedy));
}

bool IsLabelMap(const DicomHeader& header) { return header.segmentation_type == "LABELMAP"; }

absl::Status RefuseNumber(double number) {
  return RefuseSegments(
      absl::StrCat("a segment has the number ", number, ", and 1 to ", kMostLabel, " are read"),
      "number its segments anew, or store it as .nii.gz");
}

}  // namespace

absl::Status CheckHasLabels(const DicomHeader& header) {
  if (!IsSegmentation(header)) {
    return RefuseSegments("the DICOM file is no segmentation",
                          "leave it out, or store it as .nii.gz");
  }
  if (header.segmentation_type == "FRACTIONAL") {
    return RefuseSegments(
        "it is a fractional segmentation: shares or probabilities, not labels",
        "decide which voxels belong to each segment, and store it as BINARY or .nii.gz");
  }
  if (header.segmentation_type != "BINARY" && !IsLabelMap(header)) {
    return RefuseSegments(absl::StrCat("it is a segmentation of the type '",
                                       absl::CHexEscape(header.segmentation_type.substr(0, 16)),
                                       "', which is not read"),
                          "store it as BINARY or .nii.gz");
  }
  if (header.samples != 1) return DamagedDicom("the segmentation has colours");
  return absl::OkStatus();
}

absl::StatusOr<cv::Mat> LabelsOfFrame(const ParsedDicom& dicom, int64_t frame) {
  const bool label_map = IsLabelMap(dicom.header);
  const int segment = dicom.header.PlaceOf(frame).segment;
  if (!label_map && (segment < 1 || segment > kMostLabel)) return RefuseNumber(segment);
  const absl::StatusOr<StoredFrame> stored = DecodeFrame(dicom, frame);
  if (!stored.ok()) return stored.status();
  if (stored->samples.channels() != 1) return DamagedDicom("a frame has colours");
  cv::Mat labels;
  if (!label_map) {
    labels = cv::Mat::zeros(stored->samples.size(), CV_8UC1);
    labels.setTo(segment, stored->samples != 0);
    return labels;
  }
  double least = 0, greatest = 0;
  cv::minMaxLoc(stored->samples, &least, &greatest);
  if (least < 0 || greatest > kMostLabel) return RefuseNumber(least < 0 ? least : greatest);
  stored->samples.convertTo(labels, CV_8UC1);
  return labels;
}

absl::StatusOr<cv::Mat> LabelsOfPicture(const ParsedDicom& dicom) {
  const DicomHeader& header = dicom.header;
  absl::Status kind = CheckHasLabels(header);
  if (!kind.ok()) return kind;
  cv::Mat mask =
      cv::Mat::zeros(static_cast<int>(header.rows), static_cast<int>(header.columns), CV_8UC1);
  std::set<int> segments;
  for (int64_t frame = 0; frame < header.frames; ++frame) {
    if (!segments.insert(header.PlaceOf(frame).segment).second) {
      return RefuseSegments(
          "the segmentation shows a segment in several frames, so it is of a volume or of several "
          "pictures",
          "store a segmentation, or a PNG mask, for each picture");
    }
    const absl::StatusOr<cv::Mat> labels = LabelsOfFrame(dicom, frame);
    if (!labels.ok()) return labels.status();
    const cv::Mat shown = *labels != 0;
    if (cv::countNonZero(mask & shown) > 0) {
      return RefuseSegments("the segmentation's segments overlap, and a pixel has one label",
                            "decide which segment each pixel belongs to");
    }
    labels->copyTo(mask, shown);
  }
  return mask;
}

}  // namespace alignflow
