#include "worker/volumes/dicom_segmentation.h"

#include <algorithm>
#include <cmath>
#include <opencv2/core.hpp>
#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "worker/dicom/dicom_frame.h"
#include "worker/dicom/dicom_kind.h"
#include "worker/volumes/byte_stream.h"
#include "worker/volumes/grid_drawing.h"
#include "worker/volumes/slice_stack.h"

namespace alignflow {
namespace {

constexpr double kNear = 0.1;  // of a voxel
constexpr int kMostLabel = 255;

absl::Status Refuse(const std::string& reason, const std::string& remedy) {
  return absl::InvalidArgumentError(absl::StrCat(reason, "; ", remedy));
}

// How a frame's pixels are voxels of a grid: pixel (column, row) is origin + column i + row j.
struct FramePlan {
  Voxel origin{}, i{}, j{};
};

absl::StatusOr<FramePlan> PlanFrame(const Slice& slice, const VoxelFinder& finder) {
  const absl::StatusOr<SlicePlane> plane = PlaneOf(slice);
  if (!plane.ok()) return plane.status();
  FramePlan plan;
  // What a step is off adds up to the far end.
  const auto furthest = static_cast<double>(std::max(slice.rows, slice.columns));
  const auto steps = [](const Voxel& step) {
    return std::abs(step[0]) + std::abs(step[1]) + std::abs(step[2]);
  };
  const bool fits = finder.Find(plane->origin, kNear, plan.origin) &&
                    finder.FindStep(plane->i, kNear / furthest, plan.i) &&
                    finder.FindStep(plane->j, kNear / furthest, plan.j) && steps(plan.i) == 1 &&
                    steps(plan.j) == 1 && plan.i != plan.j;
  if (fits) return plan;
  return Refuse(absl::StrCat("the segmentation's ", slice.name,
                             " does not lie on its image's voxels (another place, direction or "
                             "spacing)"),
                "give the images it was drawn on, or resample it to them and store it as .nii.gz");
}

absl::Status CheckKind(const DicomHeader& header) {
  if (!IsSegmentation(header)) {
    return Refuse("the DICOM file is no segmentation", "leave it out, or store it as .nii.gz");
  }
  if (header.segmentation_type == "FRACTIONAL") {
    return Refuse("it is a fractional segmentation: shares or probabilities, not labels",
                  "decide which voxels belong to each segment, and store it as BINARY or .nii.gz");
  }
  if (header.segmentation_type != "BINARY" && header.segmentation_type != "LABELMAP") {
    return Refuse(absl::StrCat("it is a segmentation of the type '",
                               absl::CHexEscape(header.segmentation_type.substr(0, 16)),
                               "', which is not read"),
                  "store it as BINARY or .nii.gz");
  }
  if (header.samples != 1) return DamagedVolume("the segmentation has colours");
  return absl::OkStatus();
}

absl::Status RefuseNumber(double number) {
  return Refuse(
      absl::StrCat("a segment has the number ", number, ", and 1 to ", kMostLabel, " are read"),
      "number its segments anew, or store it as .nii.gz");
}

absl::Status DrawFrame(const ParsedDicom& dicom, int64_t frame, const FramePlan& plan,
                       GridDrawing& drawing) {
  const bool label_map = dicom.header.segmentation_type == "LABELMAP";
  const int segment = dicom.header.PlaceOf(frame).segment;
  if (!label_map && (segment < 1 || segment > kMostLabel)) return RefuseNumber(segment);
  const absl::StatusOr<StoredFrame> stored = DecodeFrame(dicom, frame);
  if (!stored.ok()) return stored.status();
  cv::Mat values;
  stored->samples.convertTo(values, CV_32F);
  for (int row = 0; row < values.rows; ++row) {
    const float* line = values.ptr<float>(row);
    for (int column = 0; column < values.cols; ++column) {
      const float value = line[column];
      if (value == 0) continue;
      if (label_map && (value < 0 || value > kMostLabel)) return RefuseNumber(value);
      Voxel at = plan.origin;
      for (size_t axis = 0; axis < 3; ++axis)
        at[axis] += column * plan.i[axis] + row * plan.j[axis];
      drawing.Set(at, label_map ? value : static_cast<float>(segment));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Volume> ParseSegmentation(std::string_view bytes, const VolumeGrid& image) {
  const absl::StatusOr<ParsedDicom> dicom = ParseDicom(bytes);
  if (!dicom.ok()) return dicom.status();
  const DicomHeader& header = dicom->header;
  absl::Status kind = CheckKind(header);
  if (!kind.ok()) return kind;
  const VoxelFinder finder(image);
  GridDrawing drawing(image);
  try {
    for (int64_t frame = 0; frame < header.frames; ++frame) {
      const absl::StatusOr<FramePlan> plan = PlanFrame({.name = absl::StrCat("frame ", frame + 1),
                                                        .rows = header.rows,
                                                        .columns = header.columns,
                                                        .place = header.PlaceOf(frame)},
                                                       finder);
      if (!plan.ok()) return plan.status();
      absl::Status drawn = DrawFrame(*dicom, frame, *plan, drawing);
      if (!drawn.ok()) return drawn;
    }
  } catch (const cv::Exception&) {
    return DamagedVolume("a frame cannot be decoded");
  }
  return drawing.Take();
}

absl::StatusOr<Volume> ReadSegmentation(const std::filesystem::path& path,
                                        const VolumeGrid& image) {
  const absl::StatusOr<std::string> bytes = ReadDicomBytes(path);
  if (!bytes.ok()) return bytes.status();
  return ParseSegmentation(*bytes, image);
}

}  // namespace alignflow
