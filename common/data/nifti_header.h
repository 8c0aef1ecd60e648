#ifndef ALIGNFLOW_COMMON_DATA_NIFTI_HEADER_H_
#define ALIGNFLOW_COMMON_DATA_NIFTI_HEADER_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/data/volume_grid.h"

// Headers of NIfTI-1 and NIfTI-2 files in one piece (.nii, and .nii.gz once unpacked), of either
// byte order: geometry and how voxels are stored, nothing else. Bytes that nobody has vouched for:
// every read is bounds-checked and nothing is allocated. Pure, thread-safe, needs absl only.
//
// Errors are InvalidArgument and read "REASON; REMEDY".
namespace alignflow {

// NIfTI's codes of the types that are read.
enum class NiftiType {
  kUint8 = 2,
  kInt16 = 4,
  kInt32 = 8,
  kFloat32 = 16,
  kFloat64 = 64,
  kInt8 = 256,
  kUint16 = 512,
  kUint32 = 768,
  kInt64 = 1024,
  kUint64 = 1280
};
int64_t BytesOf(NiftiType type);

struct NiftiHeader {
  VolumeGrid grid;
  NiftiType type = NiftiType::kInt16;
  bool big_endian = false;
  int64_t data_offset = 0;      // of the first voxel
  double slope = 1, inter = 0;  // value = slope stored + inter
  double low = 0, high = 0;     // values shown as black and white (cal_min, cal_max); both 0: none
  bool oriented = true;         // whether the file says where right, front and up are
};

// As many first bytes as a header may take (NIfTI-2's and the extensions' flag).
inline constexpr int64_t kNiftiHeaderBytes = 544;

// Extensions beyond this are a mistake.
inline constexpr int64_t kMaxNiftiExtensionBytes = int64_t{64} << 20;

// `bytes`: the first kNiftiHeaderBytes of a file, or all of a shorter one. Refused: what is no
// NIfTI header, or one of a file in two pieces; other than three dimensions; complex, RGB and other
// types; sides below 2 or beyond the limits; spacing that is not above 0; an affine that is not
// invertible.
absl::StatusOr<NiftiHeader> ParseNiftiHeader(std::string_view bytes);

// The 352 bytes that stand before the voxels in the one form that AlignFlow stores: NIfTI-1, little
// endian, geometry as sform, and no text, extension or other field. slope, inter, big_endian,
// data_offset and oriented are that form's, whatever `header` says.
inline constexpr int64_t kCanonicalHeaderBytes = 352;
std::string CanonicalNiftiHeader(const NiftiHeader& header);

}  // namespace alignflow

#endif  // ALIGNFLOW_COMMON_DATA_NIFTI_HEADER_H_
