#include "worker/volumes/slice_stack.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace alignflow {
namespace {

using Point = std::array<double, 3>;

constexpr double kRightAngle = 0.01;       // cosine that still is one, and error of a length of 1
constexpr double kSameDirection = 1e-3;    // between components of unit vectors
constexpr double kSameSpacing = 1e-3;      // of the spacing
constexpr double kSamePlace = 1e-3;        // millimetres
constexpr double kEvenShare = 0.05;        // of the spacing
constexpr double kEvenMillimetres = 0.01;  // as places are rounded in files
constexpr double kTilt = 0.01;             // shift of neighbours over their spacing

absl::Status RefuseStack(const std::string& reason, const std::string& remedy) {
  return absl::InvalidArgumentError(absl::StrCat(reason, "; ", remedy));
}

double Dot(const Point& a, const Point& b) { return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]; }
double Length(const Point& a) { return std::sqrt(Dot(a, a)); }
Point Minus(const Point& a, const Point& b) { return {a[0] - b[0], a[1] - b[1], a[2] - b[2]}; }
Point Times(const Point& a, double factor) { return {a[0] * factor, a[1] * factor, a[2] * factor}; }
Point Cross(const Point& a, const Point& b) {
  return {a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]};
}
// From DICOM's axes (left, back, up) to VolumeGrid's.
Point ToGrid(const Point& a) { return {-a[0], -a[1], a[2]}; }

std::string SizeText(const Slice& slice) { return absl::StrCat(slice.columns, "x", slice.rows); }

// That a slice can be beside the first one in a volume.
absl::Status CheckFits(const Slice& slice, const Slice& first) {
  const std::string remedy =
      "leave one kind of slices in the folder, such as without scouts and reformats";
  if (slice.rows != first.rows || slice.columns != first.columns) {
    return RefuseStack(absl::StrCat(slice.name, " has ", SizeText(slice), " pixels, ", first.name,
                                    " ", SizeText(first)),
                       remedy);
  }
  for (size_t i = 0; i < 6; ++i) {
    if (std::abs((*slice.place.orientation)[i] - (*first.place.orientation)[i]) > kSameDirection) {
      return RefuseStack(absl::StrCat(slice.name, " lies in another direction than ", first.name),
                         remedy);
    }
  }
  for (size_t i = 0; i < 2; ++i) {
    const double spacing = first.place.spacing[i];
    if (std::abs(slice.place.spacing[i] - spacing) > kSameSpacing * spacing) {
      return RefuseStack(absl::StrFormat("%s has a spacing of %g mm, %s of %g", slice.name,
                                         slice.place.spacing[i], first.name, spacing),
                         remedy);
    }
  }
  return absl::OkStatus();
}

// Slices by their place along the normal.
struct Placed {
  size_t slice = 0;
  double depth = 0;
  Point at{};
};

// Refused where several slices share a place.
absl::Status CheckApart(const std::vector<Slice>& slices, const std::vector<Placed>& placed) {
  std::vector<size_t> counts;  // of each place
  for (size_t k = 0; k < placed.size(); ++k) {
    if (k == 0 || placed[k].depth - placed[k - 1].depth > kSamePlace) counts.push_back(0);
    ++counts.back();
  }
  if (counts.size() == placed.size()) return absl::OkStatus();
  if (counts.size() == 1) {
    return RefuseStack(
        absl::StrCat("all ", placed.size(),
                     " slices lie at the same place: they are pictures of one slice, or "
                     "their spacing is 0"),
        "export the series again with its places, or as pictures");
  }
  const size_t first = counts.front();
  if (first > 1 && std::ranges::all_of(counts, [&](size_t count) { return count == first; })) {
    return RefuseStack(
        absl::StrCat("it has ", placed.size(), " slices at ", counts.size(), " places: ", first,
                     " volumes, of several times, echoes or directions (4-D)"),
        "leave the slices of one of them in the folder");
  }
  for (size_t k = 1; k < placed.size(); ++k) {
    if (placed[k].depth - placed[k - 1].depth > kSamePlace) continue;
    return RefuseStack(
        absl::StrCat("two slices lie at the same place: ", slices[placed[k - 1].slice].name,
                     " and ", slices[placed[k].slice].name, " (", counts.size(), " places, ",
                     placed.size(), " slices)"),
        "remove the doubles");
  }
  return absl::OkStatus();
}

// Refused where slices are not where `step` has them.
absl::Status CheckEven(const std::vector<Slice>& slices, const std::vector<Placed>& placed,
                       const Point& step) {
  const double spacing =
      (placed.back().depth - placed.front().depth) / static_cast<double>(placed.size() - 1);
  const double most = kEvenShare * spacing + kEvenMillimetres;
  bool even = true;
  for (size_t k = 0; k < placed.size(); ++k) {
    const Point expected = Times(step, static_cast<double>(k));
    even = even && Length(Minus(Minus(placed[k].at, placed.front().at), expected)) <= most;
  }
  if (even) return absl::OkStatus();
  std::vector<double> gaps;
  for (size_t k = 1; k < placed.size(); ++k) {
    gaps.push_back(placed[k].depth - placed[k - 1].depth);
  }
  const auto largest = static_cast<size_t>(std::ranges::max_element(gaps) - gaps.begin());
  const double widest = gaps[largest];
  std::ranges::sort(gaps);
  const double usual = gaps[gaps.size() / 2];
  const std::string between = absl::StrFormat("%g mm between %s and %s, %g between most", widest,
                                              slices[placed[largest].slice].name,
                                              slices[placed[largest + 1].slice].name, usual);
  if (widest > 1.5 * usual) {
    return RefuseStack(absl::StrCat("slices are missing: ", between),
                       "export the whole series again; of a part without gaps, leave that alone");
  }
  return RefuseStack(absl::StrCat("its slices do not lie evenly on a line: ", between),
                     "resample it to an even spacing, such as with dcm2niix, and push that");
}

}  // namespace

absl::StatusOr<SlicePlane> PlaneOf(const Slice& slice) {
  const FramePlace& place = slice.place;
  if (!place.position || !place.orientation) {
    return RefuseStack(
        absl::StrCat(slice.name, " does not say where it lies in the patient (Image ",
                     place.position ? "Orientation" : "Position", " (Patient))"),
        "export the series with its geometry, or the volume as .nii.gz");
  }
  const auto [row_spacing, column_spacing] = place.spacing;
  if (!(row_spacing > 0) || !(column_spacing > 0)) {
    return RefuseStack(absl::StrFormat("%s says a spacing of %g and %g mm (Pixel Spacing)",
                                       slice.name, row_spacing, column_spacing),
                       "export the series with its geometry, or the volume as .nii.gz");
  }
  const std::array<double, 6>& given = *place.orientation;
  const Point i{given[0], given[1], given[2]}, j{given[3], given[4], given[5]};
  // False for what is no number, too.
  const bool right = std::abs(Length(i) - 1) <= kRightAngle &&
                     std::abs(Length(j) - 1) <= kRightAngle && std::abs(Dot(i, j)) <= kRightAngle;
  if (!right) {
    return RefuseStack(
        absl::StrCat(slice.name,
                     " says directions that are not at right angles (Image Orientation "
                     "(Patient))"),
        "export the series again, or the volume as .nii.gz");
  }
  const Point normal = Cross(i, j);
  return SlicePlane{.i = ToGrid(Times(i, column_spacing)),
                    .j = ToGrid(Times(j, row_spacing)),
                    .normal = ToGrid(Times(normal, 1 / Length(normal))),
                    .origin = ToGrid(*place.position)};
}

absl::StatusOr<SliceStack> StackSlices(const std::vector<Slice>& slices) {
  if (slices.size() < 2) {
    return RefuseStack(
        absl::StrCat("it holds ", slices.size(), " slice", slices.empty() ? "s" : "",
                     ", and a volume has several"),
        "put the whole series into the folder; single slices are pictures and belong "
        "into a dataset of their own");
  }
  std::vector<Placed> placed;
  SlicePlane first;
  for (size_t i = 0; i < slices.size(); ++i) {
    const absl::StatusOr<SlicePlane> plane = PlaneOf(slices[i]);
    if (!plane.ok()) return plane.status();
    if (i == 0) first = *plane;
    absl::Status fits = CheckFits(slices[i], slices[0]);
    if (!fits.ok()) return fits;
    placed.push_back({i, Dot(plane->origin, first.normal), plane->origin});
  }
  std::ranges::stable_sort(placed, {}, &Placed::depth);
  SliceStack stack;
  const auto count = static_cast<int64_t>(slices.size());
  stack.grid.size = {slices[0].columns, slices[0].rows, count};
  absl::Status status = CheckApart(slices, placed);
  if (status.ok()) status = CheckVolumeSize(stack.grid.size);
  const Point step =
      Times(Minus(placed.back().at, placed.front().at), 1 / static_cast<double>(count - 1));
  if (status.ok()) status = CheckEven(slices, placed, step);
  if (!status.ok()) return status;
  for (size_t row = 0; row < 3; ++row) {
    const std::array<double, 4> columns{first.i[row], first.j[row], step[row],
                                        placed.front().at[row]};
    std::ranges::copy(columns, stack.grid.affine.begin() + static_cast<ptrdiff_t>(4 * row));
  }
  status = CheckVolumeAffine(stack.grid);
  if (!status.ok()) return status;
  for (const Placed& slice : placed) stack.order.push_back(slice.slice);
  const double along = Dot(step, first.normal);
  stack.tilted = Length(Minus(step, Times(first.normal, along))) > kTilt * along;
  return stack;
}

}  // namespace alignflow
