#include "client/pair_index.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "client/coco_index.h"
#include "client/message_json.h"
#include "client/output_file.h"

namespace alignflow {
namespace {

// Pairs are RGB, and nnU-Net's reader for such files takes each colour for a channel.
Json NnunetDataset(size_t pairs, const LabelTable& labels) {
  Json classes = {{"background", 0}};
  for (int index = 1; index < labels.classes(); ++index) {
    classes[labels.labels()[index - 1].name] = index;
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

absl::Status WritePairIndex(PairFormat format, const std::filesystem::path& folder,
                            const std::vector<int>& pairs, const LabelTable& labels) {
  const std::filesystem::path index = folder / IndexName(format);
  switch (format) {
    case PairFormat::kFolder:
      return absl::OkStatus();
    case PairFormat::kNnunet:
      return WriteInFolder(index, NnunetDataset(pairs.size(), labels).dump(2) + "\n");
    case PairFormat::kImageFolder:
      return WriteInFolder(index, LabelLines(labels));
    case PairFormat::kCoco:
      return WriteCocoIndex(index, folder, pairs, labels);
  }
  return absl::InternalError("no such format");
}

}  // namespace alignflow
