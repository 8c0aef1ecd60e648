#ifndef ALIGNFLOW_CLIENT_PAIR_FORMAT_H_
#define ALIGNFLOW_CLIENT_PAIR_FORMAT_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "alignflow/v1/jobs.pb.h"
#include "common/data/label_table.h"

// For whom a folder of pulled pairs is laid out. Pure functions, thread-safe.
namespace alignflow {

enum class PairFormat {
  kFolder,       // images/ and masks/ with the values that the source's masks have
  kNnunet,       // nnU-Net v2's raw dataset: imagesTr/, labelsTr/ with class numbers, dataset.json
  kImageFolder,  // images/ and masks/ with class numbers, labels.txt
  kCoco,         // kFolder and annotations/instances.json
  kDicom         // images/ and masks/ of DICOM files, marked synthetic
};

// As --format names them, the default first.
const std::vector<std::string>& PairFormatNames();
std::string PairFormatName(PairFormat format);
// Of one of these names.
PairFormat PairFormatNamed(std::string_view name);

// What a job's pairs are, as it hands them out: PNG files, or volumes as .nii.gz.
enum class PairContent { kPictures, kVolumes };

// FailedPrecondition, with the remedy, where the format is of the other content alone.
absl::Status CheckContent(PairFormat format, PairContent content);

// Names within the folder, such as "imagesTr/000001_0000.png".
std::string ImageName(PairFormat format, PairContent content, int pair);
std::string MaskName(PairFormat format, PairContent content, int pair);
// The folders of both, and of the index.
std::vector<std::string> FoldersOf(PairFormat format);
// What says which classes there are; empty: nothing does.
std::string IndexName(PairFormat format);

// Whether a mask's pixel is the number of its class: 0 for the background, 1, 2, ... for labels;
// so that its file is another than the job's.
bool HoldsClasses(PairFormat format);
// Whether an image's file is another than the job's, too.
bool RewritesImages(PairFormat format);

// What the masks of a job's pairs mean. FailedPrecondition, with the remedy, for a job that was
// made before the coordinator kept it.
absl::StatusOr<LabelTable> LabelsOf(const std::string& job, const v1::DatasetVersion& source);

}  // namespace alignflow

#endif  // ALIGNFLOW_CLIENT_PAIR_FORMAT_H_
