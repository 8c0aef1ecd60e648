#ifndef ALIGNFLOW_WORKER_DICOM_DICOM_KIND_H_
#define ALIGNFLOW_WORKER_DICOM_DICOM_KIND_H_

#include "absl/status/status.h"
#include "worker/dicom/dicom_header.h"

// What a DICOM file is by its header: a picture, a slice of a volume, a volume by itself or a
// segmentation. Errors are InvalidArgument and read "REASON; REMEDY". Thread-safe.
namespace alignflow {

// Refused, with the remedy, unless the frames are pictures that are decoded: volumes, slides in
// tiles, segmentations, files without pixels.
absl::Status CheckIsPicture(const DicomHeader& header);
// Refused unless the frames are slices of a volume: one grey value for each pixel.
absl::Status CheckIsSlice(const DicomHeader& header);
// Whether the file by itself is a volume: of several frames, which lie beside each other.
bool IsVolumeFile(const DicomHeader& header);
bool IsSegmentation(const DicomHeader& header);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_DICOM_DICOM_KIND_H_
