#ifndef ALIGNFLOW_CLIENT_CLASS_MASK_H_
#define ALIGNFLOW_CLIENT_CLASS_MASK_H_

#include <opencv2/core/mat.hpp>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "client/pair_format.h"
#include "worker/volumes/volume.h"

// Files of pairs, as a job hands them out, with class numbers in the masks: 0 for the background,
// 1, 2, ... for labels. `name` begins the errors; DataLoss for what is no such file. Thread-safe.
namespace alignflow {

absl::StatusOr<Volume> VolumeOfBytes(std::string_view file, const std::string& name);

absl::StatusOr<cv::Mat> ClassPicture(std::string_view file, const std::string& name,
                                     const LabelTable& labels);
absl::StatusOr<Volume> ClassVolume(std::string_view file, const std::string& name,
                                   const LabelTable& labels);

// Either, as a file of the same kind.
absl::StatusOr<std::string> ClassMask(std::string_view file, PairContent content,
                                      const std::string& name, const LabelTable& labels);

}  // namespace alignflow

#endif  // ALIGNFLOW_CLIENT_CLASS_MASK_H_
