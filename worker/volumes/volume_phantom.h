#ifndef ALIGNFLOW_WORKER_VOLUMES_VOLUME_PHANTOM_H_
#define ALIGNFLOW_WORKER_VOLUMES_VOLUME_PHANTOM_H_

#include <cstdint>
#include <filesystem>

#include "absl/status/status.h"
#include "common/data/label_table.h"
#include "worker/data/phantom.h"
#include "worker/volumes/volume_file.h"

// Made-up CT volumes of an abdomen with masks of an organ and its lesions, for demos and tests:
// nothing in them comes from a patient. As of phantom.h, the anatomy depends on seed and index
// alone, and the domain is the scanner that looks at it: contrast of the organ, sharpness, noise.
// So volume i has the same mask and the same grid in every domain. The same options give the same
// bytes on any number of threads.
namespace alignflow {

struct VolumePhantomOptions {
  PhantomDomain domain = PhantomDomain::kSource;
  int count = 1;  // 1 to 10,000
  uint64_t seed = 0;
  int size = 48;  // voxels from right to left, 16 to 256; fewer from feet to head, further apart
};

struct VolumePhantom {
  Volume image;  // Hounsfield units
  Volume mask;   // the values of VolumePhantomLabels
};

// organ 1, lesion 2.
LabelTable VolumePhantomLabels();

// InvalidArgument naming the option and its range.
absl::Status CheckVolumePhantomOptions(const VolumePhantomOptions& options);

// Volume number `index` (from 0). The options must have been checked. Thread-safe.
VolumePhantom MakeVolumePhantom(const VolumePhantomOptions& options, int index);

// Writes dir/images/000001.nii.gz, dir/masks/000001.nii.gz, ... Errors as of WritePhantoms.
absl::Status WriteVolumePhantoms(const VolumePhantomOptions& options,
                                 const std::filesystem::path& dir);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_VOLUMES_VOLUME_PHANTOM_H_
