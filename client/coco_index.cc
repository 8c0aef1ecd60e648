#include "client/coco_index.h"

#include <opencv2/imgproc.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/message_json.h"
#include "common/partial_file.h"
#include "worker/data/fault_list.h"
#include "worker/data/image_decode.h"
#include "worker/data/image_file.h"

namespace alignflow {
namespace {

namespace fs = std::filesystem;

// The runs of component `id` within its box, of a map of components.
std::vector<int64_t> RunsOf(const cv::Mat& components, int id, const cv::Rect& box) {
  std::vector<int64_t> runs;
  int64_t at = 0;  // the pixel after the last run
  bool inside = false;
  const auto end_run = [&](int64_t position) {
    runs.push_back(position - at);
    at = position;
    inside = !inside;
  };
  for (int column = box.x; column < box.x + box.width; ++column) {
    for (int row = box.y; row < box.y + box.height; ++row) {
      const int64_t position = int64_t{column} * components.rows + row;
      // A gap between columns of the box is outside.
      const bool gap = inside && row == box.y && box.height < components.rows;
      if (gap) end_run(position - (components.rows - box.height));
      if ((components.at<int>(row, column) == id) != inside) end_run(position);
    }
  }
  const int64_t last = int64_t{box.x + box.width - 1} * components.rows + box.y + box.height;
  if (inside) end_run(last);
  const auto total = static_cast<int64_t>(components.total());
  if (at < total) runs.push_back(total - at);
  return runs;
}

class Writer {
 public:
  Writer(const fs::path& index, const fs::path& folder, const LabelTable& labels)
      : file_(index), folder_(folder), labels_(labels) {}

  absl::Status Write(const std::vector<int>& pairs) {
    absl::Status status = file_.Append("{\"annotations\":[");
    for (size_t i = 0; status.ok() && i < pairs.size(); ++i) status = AddMask(pairs[i]);
    if (status.ok()) status = file_.Append("\n],\n\"images\":[");
    for (size_t i = 0; status.ok() && i < pairs.size(); ++i) {
      const Json image = {
          {"id", pairs[i]},
          {"file_name",
           fs::path(ImageName(kFormat, PairContent::kPictures, pairs[i])).filename().string()},
          {"width", sizes_[i].width},
          {"height", sizes_[i].height}};
      status = file_.Append(absl::StrCat(i == 0 ? "\n" : ",\n", image.dump()));
    }
    Json categories = Json::array();
    for (int index = 1; index < labels_.classes(); ++index) {
      categories.push_back({{"id", index},
                            {"name", labels_.labels()[index - 1].name},
                            {"supercategory", "structure"}});
    }
    const Json info = {{"description", "image-mask pairs made by AlignFlow"}};
    if (status.ok()) {
      status = file_.Append(absl::StrCat("\n],\n\"categories\":", categories.dump(),
                                         ",\n\"info\":", info.dump(), ",\n\"licenses\":[]}\n"));
    }
    if (status.ok()) status = file_.Sync();
    return status.ok() ? file_.Rename() : status;
  }

 private:
  static constexpr PairFormat kFormat = PairFormat::kCoco;

  absl::Status AddMask(int pair) {
    const fs::path path = folder_ / MaskName(kFormat, PairContent::kPictures, pair);
    const absl::StatusOr<std::string> bytes = ReadImageFile(path);
    if (!bytes.ok()) return bytes.status();
    const absl::StatusOr<cv::Mat> mask = DecodeMask(*bytes, ShownPath(path), &labels_);
    if (!mask.ok()) return absl::DataLossError(mask.status().message());
    sizes_.push_back(mask->size());
    for (int index = 1; index < labels_.classes(); ++index) {
      cv::Mat components, boxes, centres;
      const int count = cv::connectedComponentsWithStats(*mask == labels_.ValueOf(index),
                                                         components, boxes, centres, 8, CV_32S);
      for (int id = 1; id < count; ++id) {
        absl::Status added = AddStructure(pair, index, components, id, boxes.ptr<int>(id));
        if (!added.ok()) return added;
      }
    }
    return absl::OkStatus();
  }

  absl::Status AddStructure(int pair, int index, const cv::Mat& components, int id,
                            const int* box) {
    const cv::Rect rect(box[cv::CC_STAT_LEFT], box[cv::CC_STAT_TOP], box[cv::CC_STAT_WIDTH],
                        box[cv::CC_STAT_HEIGHT]);
    const std::string runs = CompressedRuns(RunsOf(components, id, rect));
    const Json annotation = {
        {"id", ++annotations_},
        {"image_id", pair},
        {"category_id", index},
        {"segmentation", {{"size", {components.rows, components.cols}}, {"counts", runs}}},
        {"area", box[cv::CC_STAT_AREA]},
        {"bbox", {rect.x, rect.y, rect.width, rect.height}},
        {"iscrowd", 0}};
    return file_.Append(absl::StrCat(annotations_ == 1 ? "\n" : ",\n", annotation.dump()));
  }

  PartialFile file_;
  const fs::path& folder_;
  const LabelTable& labels_;
  std::vector<cv::Size> sizes_;
  int64_t annotations_ = 0;
};

}  // namespace

std::string CompressedRuns(const std::vector<int64_t>& runs) {
  std::string text;
  for (size_t i = 0; i < runs.size(); ++i) {
    int64_t value = i > 2 ? runs[i] - runs[i - 2] : runs[i];
    for (bool more = true; more;) {
      int64_t bits = value & 0x1f;
      value >>= 5;
      more = (bits & 0x10) != 0 ? value != -1 : value != 0;
      if (more) bits |= 0x20;
      text += static_cast<char>(bits + 48);
    }
  }
  return text;
}

absl::Status WriteCocoIndex(const fs::path& index, const fs::path& folder,
                            const std::vector<int>& pairs, const LabelTable& labels) {
  return Writer(index, folder, labels).Write(pairs);
}

}  // namespace alignflow
