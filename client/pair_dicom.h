#ifndef ALIGNFLOW_CLIENT_PAIR_DICOM_H_
#define ALIGNFLOW_CLIENT_PAIR_DICOM_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "alignflow/v1/jobs.pb.h"
#include "client/pair_format.h"

namespace alignflow {

struct DicomPair {
  std::string image, mask;  // files
};

// A pair as DICOM files (worker/dicom/synthetic_dicom.h), of the files that the job hands out. The
// same pair of the same job gives the same bytes. DataLoss for files that are no such image or
// mask; InvalidArgument, with the remedy, for what DICOM does not hold exactly. Thread-safe.
absl::StatusOr<DicomPair> DicomOfPair(const v1::Job& job, const v1::Pair& pair, PairContent content,
                                      std::string_view image, std::string_view mask,
                                      const LabelTable& labels);

}  // namespace alignflow

#endif  // ALIGNFLOW_CLIENT_PAIR_DICOM_H_
