#include "worker/volumes/dicom_volume.h"

#include <algorithm>
#include <cmath>
#include <opencv2/core.hpp>

#include "absl/status/status.h"

namespace alignflow {
namespace {

using Vector = std::array<double, 3>;

constexpr double kMostStored = 65535;
constexpr double kWindowSteps = 255;
constexpr double kFloatError = 1e-6;  // of the greatest value: that of 32-bit reals
constexpr double kMostSkew = 1e-4;    // cosine between rows and columns, as readers take it

double Dot3(const Vector& a, const Vector& b) { return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]; }

// A column of the affine, in DICOM's axes: to the left, back and up.
Vector ColumnOf(const VolumeGrid& grid, size_t column) {
  return {-grid.affine[column], -grid.affine[4 + column], grid.affine[8 + column]};
}

// The same direction with length 1, and the length.
std::pair<Vector, double> Parted3(const Vector& step) {
  const double length = std::sqrt(Dot3(step, step));
  return {{step[0] / length, step[1] / length, step[2] / length}, length};
}

absl::StatusOr<FramePlanes> PlanesOf(const VolumeGrid& grid) {
  Vector along_row = ColumnOf(grid, 0), along_column = ColumnOf(grid, 1);
  const Vector up = ColumnOf(grid, 2);
  Vector first = ColumnOf(grid, 3);
  // The first pixel is the voxel that lies furthest to the right and front.
  for (size_t axis = 0; axis < 3; ++axis) {
    first[axis] += along_row[axis] * static_cast<double>(grid.size[0] - 1) +
                   along_column[axis] * static_cast<double>(grid.size[1] - 1);
    along_row[axis] = -along_row[axis];
    along_column[axis] = -along_column[axis];
  }
  const auto [row, column_spacing] = Parted3(along_row);
  const auto [column, row_spacing] = Parted3(along_column);
  if (std::abs(Dot3(row, column)) > kMostSkew) {
    return absl::InvalidArgumentError(
        "the volume's rows and columns are not at right angles, and DICOM (Image Orientation "
        "(Patient)) cannot say so; pull the pairs with --format folder");
  }
  const Vector normal{row[1] * column[2] - row[2] * column[1],
                      row[2] * column[0] - row[0] * column[2],
                      row[0] * column[1] - row[1] * column[0]};
  FramePlanes planes{.spacing = {row_spacing, column_spacing},
                     .thickness = std::abs(Dot3(up, normal)),
                     .positions = {}};
  std::ranges::copy(row, planes.orientation.begin());
  std::ranges::copy(column, planes.orientation.begin() + 3);
  for (int64_t k = 0; k < grid.size[2]; ++k) {
    const auto steps = static_cast<double>(k);
    planes.positions.push_back(
        {first[0] + steps * up[0], first[1] + steps * up[1], first[2] + steps * up[2]});
  }
  return planes;
}

// Frames whose pixels are `stored` of the voxels' values.
template <typename Sample, typename Stored>
std::vector<cv::Mat> FramesOf(const Volume& volume, Stored stored) {
  const auto [columns, rows, slices] = volume.grid.size;
  std::vector<cv::Mat> frames;
  for (int64_t k = 0; k < slices; ++k) {
    cv::Mat& frame = frames.emplace_back(static_cast<int>(rows), static_cast<int>(columns),
                                         cv::DataType<Sample>::type);
    for (int64_t row = 0; row < rows; ++row) {
      auto* line = frame.ptr<Sample>(static_cast<int>(row));
      for (int64_t column = 0; column < columns; ++column) {
        line[column] =
            static_cast<Sample>(stored(volume.At(columns - 1 - column, rows - 1 - row, k)));
      }
    }
  }
  return frames;
}

// value = intercept + slope * a whole number of 16 bits.
struct Steps {
  double slope = 1, intercept = 0;
  double NumberOf(float value) const { return std::round((value - intercept) / slope); }
};

bool Hold(const Steps& steps, const Volume& volume, double error) {
  return std::ranges::all_of(volume.voxels, [&](float value) {
    const double number = steps.NumberOf(value);
    return number >= 0 && number <= kMostStored &&
           std::abs(steps.intercept + steps.slope * number - value) <= error;
  });
}

absl::StatusOr<Steps> StepsOf(const Volume& volume) {
  const auto [least, greatest] = std::ranges::minmax(volume.voxels);
  const Steps whole{.slope = 1, .intercept = std::floor(least)};
  if (Hold(whole, volume, 0)) return whole;
  const Steps window{.slope = (volume.high - volume.low) / kWindowSteps, .intercept = volume.low};
  const double error = kFloatError * std::max(std::abs(volume.low), std::abs(volume.high));
  if (volume.high > volume.low && Hold(window, volume, error)) return window;
  return absl::InvalidArgumentError(
      "the volume's voxels are reals that 16 bits with a slope do not hold exactly (Pixel Data); "
      "pull the pairs with --format folder");
}

}  // namespace

absl::StatusOr<SyntheticImage> DicomImageOf(const Volume& volume) {
  absl::StatusOr<FramePlanes> planes = PlanesOf(volume.grid);
  if (!planes.ok()) return planes.status();
  const absl::StatusOr<Steps> steps = StepsOf(volume);
  if (!steps.ok()) return steps.status();
  SyntheticImage image{
      .frames = FramesOf<uint16_t>(volume, [&](float value) { return steps->NumberOf(value); }),
      .slope = steps->slope,
      .intercept = steps->intercept,
      .shown = {},
      .planes = *std::move(planes)};
  if (volume.high > volume.low) image.shown = {volume.low, volume.high};
  return image;
}

absl::StatusOr<SyntheticMask> DicomMaskOf(const Volume& classes) {
  absl::StatusOr<FramePlanes> planes = PlanesOf(classes.grid);
  if (!planes.ok()) return planes.status();
  return SyntheticMask{.frames = FramesOf<uint8_t>(classes, [](float value) { return value; }),
                       .segments = {},
                       .planes = *std::move(planes)};
}

}  // namespace alignflow
