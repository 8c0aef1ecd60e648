#ifndef ALIGNFLOW_WORKER_DICOM_SYNTHETIC_SERIES_H_
#define ALIGNFLOW_WORKER_DICOM_SYNTHETIC_SERIES_H_

#include <string>

#include "worker/dicom/dicom_fields.h"
#include "worker/dicom/synthetic_dicom.h"

// What the image and the mask of a pair say alike. Thread-safe.
namespace alignflow {

// What a pair has a UID for.
enum class PairUid { kStudy, kSpace, kImageSeries, kImage, kMaskSeries, kMask, kMaskDimensions };
std::string UidOf(PairUid what, const SyntheticOrigin& origin);

// Secondary captures by whether they are volumes.
std::string ImageClassOf(bool volume);

// An object's own part of what WriteCommon writes.
struct SyntheticObject {
  std::string sop_class, modality, image_type, series_description;
  PairUid series = PairUid::kImageSeries, instance = PairUid::kImage;
  int series_number = 1;
  // Whether no pixel can show what was in a source image: then the object vouches for it.
  bool of_no_source = true;
};

// Patient, study, series, equipment, SOP common and general image modules.
void WriteCommon(const SyntheticOrigin& origin, const SyntheticObject& object,
                 const DicomFields& fields);

// Image pixel module, but for the pixels; and the number of frames.
void WritePixelFormat(const cv::Mat& frame, size_t frames, int bits, const DicomFields& fields);

// The item that all frames share gets direction and spacing.
void WriteSharedPlanes(const FramePlanes& planes, const DicomFields& shared);
void WritePosition(const FramePlanes& planes, size_t frame, const DicomFields& own);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_DICOM_SYNTHETIC_SERIES_H_
