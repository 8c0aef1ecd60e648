#ifndef ALIGNFLOW_WORKER_VOLUMES_SLICE_STACK_H_
#define ALIGNFLOW_WORKER_VOLUMES_SLICE_STACK_H_

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/data/volume_grid.h"
#include "worker/dicom/dicom_header.h"

// Slices of DICOM files as a volume (PS3.3, C.7.6.2). Pure, thread-safe. Errors are
// InvalidArgument, "REASON; REMEDY", and name slices as they are called here.
namespace alignflow {

struct Slice {
  std::string name;  // what messages call it: a file's, or "frame 3"
  int64_t rows = 0, columns = 0;
  FramePlace place;
};

struct SliceStack {
  // i along rows, j along columns, k along the slices' normal; in the axes of VolumeGrid.
  VolumeGrid grid;
  std::vector<size_t> order;  // which of the slices given are k = 0, 1, ...
  bool tilted = false;        // slices are shifted against each other, as by a tilted gantry
};

// A plane's directions and spacing as columns of an affine: of its pixels along a row, along a
// column, and of length 1 along its normal. Refused where the slice does not say them, or says no
// directions that are at right angles, or a spacing that is not above 0.
struct SlicePlane {
  std::array<double, 3> i{}, j{}, normal{}, origin{};
};
absl::StatusOr<SlicePlane> PlaneOf(const Slice& slice);

// Puts slices in the order of their places along their normal. Refused: fewer than two; slices of
// different sizes, directions or spacings; several at one place, whether by mistake or because they
// are of several times; places that are not even to a twentieth of their spacing, as where slices
// are missing; what CheckVolumeSize and CheckVolumeAffine refuse.
absl::StatusOr<SliceStack> StackSlices(const std::vector<Slice>& slices);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_VOLUMES_SLICE_STACK_H_
