#ifndef ALIGNFLOW_WORKER_SETS_VOLUME_ROW_H_
#define ALIGNFLOW_WORKER_SETS_VOLUME_ROW_H_

#include <ATen/ATen.h>

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/data/label_table.h"
#include "common/data/structures.h"
#include "worker/sets/image_set.h"

// Between volumes as files (common/data/volume_probe.h) and rows of a set, which hold them as cubes
// of bytes (worker/volumes/resample.h).
namespace alignflow {

// Reads a volume and its mask, checks both and writes them into the rows: image uint8 [1,S,S,S],
// black to white by the file's own range; classes uint8 [S,S,S], undefined where `mask` is empty;
// `place` as VolumeRows::Row. `facts`: of the mask, at S. InvalidArgument, naming the item.
absl::Status DecodeVolume(const std::string& name, const std::filesystem::path& image,
                          const std::filesystem::path& mask, const LabelTable& labels,
                          const at::Tensor& image_row, const at::Tensor& classes_row,
                          const VolumeRows& place, MaskFacts& facts);

// A volume that was made for a row's mask, and that mask, as files: cut out of their cubes, on the
// cube's own grid, which lies where the row's volume lies, in its values. image: uint8 [1,S,S,S];
// classes: uint8 [S,S,S].
struct VolumePair {
  std::string image, mask;  // .nii.gz
};
VolumePair EncodeVolumes(const at::Tensor& image, const at::Tensor& classes,
                         const LabelTable& labels, const VolumeRows& place);

// Where in its cube of `side` voxels a row's volume lies, along the axes of [S,S,S]; the rest is
// black.
struct CubePart {
  std::array<int64_t, 3> first{}, size{};
};
CubePart PartOfCube(const VolumeRows& place, int64_t side);

// Three slices of each volume side by side, axial, coronal and sagittal, as radiologists look at
// them, for what looks at pictures: through the middle of what its mask shows, or of the volume
// where it shows nothing. Pictures are handed back as they are. images: uint8 [B,1,S,S,S] to
// [B,3,S,3S]; classes: uint8 [B,S,S,S] to [B,S,3S], or undefined.
struct Pictures {
  at::Tensor images, classes;
};
Pictures PicturesOf(const at::Tensor& images, const at::Tensor& classes);
// The same of all of a set, which then is one of pictures.
ImageSet AsPictures(ImageSet set);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_SETS_VOLUME_ROW_H_
