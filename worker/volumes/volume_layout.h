#ifndef ALIGNFLOW_WORKER_VOLUMES_VOLUME_LAYOUT_H_
#define ALIGNFLOW_WORKER_VOLUMES_VOLUME_LAYOUT_H_

#include <filesystem>
#include <vector>

#include "worker/data/folder_names.h"

// Which folders hold volumes and their masks. Thread-safe.
namespace alignflow {

// What lies in a folder, by name, but for hidden files; nothing if it cannot be read.
std::vector<std::filesystem::path> EntriesOf(const std::filesystem::path& folder);

// Whether a folder's name says what lies in it, so that it is no volume by itself.
bool HasRole(const std::filesystem::path& folder);

// Whether volumes lie in a folder: files with their names, folders that are series, or DICOM files
// of which the first is a volume.
bool HasVolumes(const std::filesystem::path& folder);

// The folder in DIR that holds volumes, or masks by their structures, and is surest to have a role;
// empty if there is none. The names of the Medical Segmentation Decathlon and of nnU-Net are known
// as well.
std::filesystem::path FolderOf(const std::filesystem::path& dir, FolderRole role);

// Whether DIR, or a folder in it that is named so, holds volumes as images.
bool HoldsVolumes(const std::filesystem::path& dir);
// Whether it holds masks of volumes, too.
bool HoldsVolumeMasks(const std::filesystem::path& dir);
// Whether the masks in DIR are DICOM segmentations of pictures: they do not say where they lie.
bool HoldsPictureSegmentations(const std::filesystem::path& dir);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_VOLUMES_VOLUME_LAYOUT_H_
