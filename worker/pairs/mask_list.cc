#include "worker/pairs/mask_list.h"

#include <nlohmann/json.hpp>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "worker/data/image_decode.h"
#include "worker/sets/pixels.h"
#include "worker/tasks/task_error.h"
#include "worker/tasks/task_spec.h"

namespace alignflow {
namespace {

struct MaskLine {
  int64_t pair = 0;
  std::string mask;  // digest of a PNG
  std::string origin;
  double similarity = 0;
};

std::vector<MaskLine> ParseMaskLines(const std::string& lines) {
  std::vector<MaskLine> masks;
  std::istringstream stream(lines);
  for (std::string line; std::getline(stream, line);) {
    try {
      const nlohmann::json json = nlohmann::json::parse(line);
      masks.push_back({.pair = json.at("pair"),
                       .mask = json.at("mask"),
                       .origin = json.at("origin"),
                       .similarity = json.at("similarity")});
    } catch (const nlohmann::json::exception& error) {
      throw TaskError(absl::InvalidArgumentError(
          absl::StrCat("line ", masks.size() + 1, " of a list of masks: ", error.what())));
    }
  }
  return masks;
}

}  // namespace

MaskList LoadMasks(TaskContext& context, const std::string& digest, const LabelTable& labels) {
  const std::vector<MaskLine> lines = ParseMaskLines(FetchBytes(context, digest));
  std::vector<std::string> digests;
  for (const MaskLine& line : lines) digests.push_back(line.mask);
  ThrowIfError(context.Prefetch(digests));
  MaskList list;
  for (const MaskLine& line : lines) {
    const std::string name = absl::StrCat("the mask of pair ", line.pair);
    cv::Mat mask = ValueOrThrow(DecodeMask(FetchBytes(context, line.mask), name, &labels));
    const std::span<uint8_t> pixels(mask.data, mask.total());
    ThrowIfError(labels.CheckMask(pixels, name));
    labels.ToClasses(pixels);
    list.Add(line.pair, {TensorOfMask(mask), line.origin, line.similarity});
  }
  return list;
}

}  // namespace alignflow
