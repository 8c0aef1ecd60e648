#include "worker/volumes/dicom_segmentation.h"

#include <algorithm>
#include <cmath>
#include <opencv2/core.hpp>
#include <string>

#include "absl/strings/str_cat.h"
#include "worker/dicom/segment_frame.h"
#include "worker/volumes/byte_stream.h"
#include "worker/volumes/grid_drawing.h"
#include "worker/volumes/slice_stack.h"

namespace alignflow {
namespace {

constexpr double kNear = 0.1;  // of a voxel

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

absl::Status DrawFrame(const ParsedDicom& dicom, int64_t frame, const FramePlan& plan,
                       GridDrawing& drawing) {
  const absl::StatusOr<cv::Mat> labels = LabelsOfFrame(dicom, frame);
  if (!labels.ok()) return labels.status();
  for (int row = 0; row < labels->rows; ++row) {
    const uint8_t* line = labels->ptr(row);
    for (int column = 0; column < labels->cols; ++column) {
      if (line[column] == 0) continue;
      Voxel at = plan.origin;
      for (size_t axis = 0; axis < 3; ++axis)
        at[axis] += column * plan.i[axis] + row * plan.j[axis];
      drawing.Set(at, line[column]);
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Volume> ParseSegmentation(std::string_view bytes, const VolumeGrid& image) {
  const absl::StatusOr<ParsedDicom> dicom = ParseDicom(bytes);
  if (!dicom.ok()) return dicom.status();
  const DicomHeader& header = dicom->header;
  absl::Status kind = CheckHasLabels(header);
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
