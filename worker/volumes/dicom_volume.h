#ifndef ALIGNFLOW_WORKER_VOLUMES_DICOM_VOLUME_H_
#define ALIGNFLOW_WORKER_VOLUMES_DICOM_VOLUME_H_

#include "absl/status/statusor.h"
#include "worker/dicom/synthetic_dicom.h"
#include "worker/volumes/volume.h"

// Volumes as the frames of a DICOM file: rows go to the patient's left and columns to the back, as
// viewers show slices, and frames up; nothing is resampled. Pure, thread-safe.
namespace alignflow {

// A volume's values in 16 bits, which is exact: whole numbers by their distance from the least, and
// the 256 steps of a pair's window by their number. InvalidArgument, "REASON; REMEDY", for others,
// and for rows and columns that are not at right angles, which DICOM has no words for.
absl::StatusOr<SyntheticImage> DicomImageOf(const Volume& volume);

// A mask of class numbers below 256, without names. Errors likewise.
absl::StatusOr<SyntheticMask> DicomMaskOf(const Volume& classes);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_VOLUMES_DICOM_VOLUME_H_
