#include "client/pair_index.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "client/coco_index.h"
#include "client/message_json.h"
#include "client/output_file.h"

namespace alignflow {
namespace {

// Pictures are RGB, and nnU-Net's reader for such files takes each colour for a channel. The values
// of volumes are those of the source within its window: nothing is said of their modality.
Json NnunetDataset(PairContent content, size_t pairs, const LabelTable& labels) {
  Json classes = {{"background", 0}};
  for (int index = 1; index < labels.classes(); ++index) {
    classes[labels.labels()[index - 1].name] = index;
  }
  if (content == PairContent::kVolumes) {
    return {{"channel_names", {{"0", "grey"}}},
            {"labels", classes},
            {"numTraining", pairs},
            {"file_ending", ".nii.gz"}};
  }
  return {{"channel_names", {{"0", "R"}, {"1", "G"}, {"2", "B"}}},
          {"labels", classes},
          {"numTraining", pairs},
          {"file_ending", ".png"},
          {"overwrite_image_reader_writer", "NaturalImage2DIO"}};
}

std::string LabelLines(const LabelTable& labels) {
  std::string text = "background\n";
  for (const std::string& name : labels.Names()) absl::StrAppend(&text, name, "\n");
  return text;
}

}  // namespace

absl::Status WritePairIndex(PairFormat format, PairContent content,
                            const std::filesystem::path& folder, const std::vector<int>& pairs,
                            const LabelTable& labels) {
  const std::filesystem::path index = folder / IndexName(format);
  switch (format) {
    case PairFormat::kFolder:
    case PairFormat::kDicom:  // segmentations name their segments
      return absl::OkStatus();
    case PairFormat::kNnunet:
      return WriteInFolder(index, NnunetDataset(content, pairs.size(), labels).dump(2) + "\n");
    case PairFormat::kImageFolder:
      return WriteInFolder(index, LabelLines(labels));
    case PairFormat::kCoco:
      return WriteCocoIndex(index, folder, pairs, labels);
  }
  return absl::InternalError("no such format");
}

}  // namespace alignflow
