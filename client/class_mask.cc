#include "client/class_mask.h"

#include <cstdint>
#include <memory>
#include <opencv2/core.hpp>
#include <span>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/scratch_folder.h"
#include "worker/data/image_decode.h"
#include "worker/volumes/volume_file.h"

namespace alignflow {

absl::StatusOr<Volume> VolumeOfBytes(std::string_view file, const std::string& name) {
  absl::StatusOr<std::unique_ptr<ScratchFolder>> scratch = ScratchFolder::Make();
  if (!scratch.ok()) return scratch.status();
  absl::Status written = (*scratch)->Write("volume.nii.gz", file);
  if (!written.ok()) return written;
  absl::StatusOr<Volume> volume = ReadVolume((*scratch)->path() / "volume.nii.gz");
  if (volume.ok()) return volume;
  return absl::DataLossError(absl::StrCat(name, ": ", volume.status().message()));
}

absl::StatusOr<cv::Mat> ClassPicture(std::string_view file, const std::string& name,
                                     const LabelTable& labels) {
  absl::StatusOr<cv::Mat> mask = DecodeMask(file, name, &labels);
  if (!mask.ok()) return absl::DataLossError(mask.status().message());
  for (int row = 0; row < mask->rows; ++row) {
    const std::span<uint8_t> pixels(mask->ptr(row), static_cast<size_t>(mask->cols));
    absl::Status known = labels.CheckMask(pixels, name);
    if (!known.ok()) return absl::DataLossError(known.message());
    labels.ToClasses(pixels);
  }
  return mask;
}

absl::StatusOr<Volume> ClassVolume(std::string_view file, const std::string& name,
                                   const LabelTable& labels) {
  absl::StatusOr<Volume> mask = VolumeOfBytes(file, name);
  if (!mask.ok()) return mask;
  std::vector<uint8_t> values(mask->voxels.begin(), mask->voxels.end());
  absl::Status known = labels.CheckMask(values, name);
  if (!known.ok()) return absl::DataLossError(known.message());
  labels.ToClasses(values);
  mask->voxels.assign(values.begin(), values.end());
  return mask;
}

absl::StatusOr<std::string> ClassMask(std::string_view file, PairContent content,
                                      const std::string& name, const LabelTable& labels) {
  if (content == PairContent::kVolumes) {
    const absl::StatusOr<Volume> mask = ClassVolume(file, name, labels);
    if (!mask.ok()) return mask.status();
    return PackVolume(*mask, NiftiType::kUint8);
  }
  const absl::StatusOr<cv::Mat> mask = ClassPicture(file, name, labels);
  if (!mask.ok()) return mask.status();
  return EncodePng(*mask);
}

}  // namespace alignflow
