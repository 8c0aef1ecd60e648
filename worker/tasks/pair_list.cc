#include "worker/tasks/pair_list.h"

#include <nlohmann/json.hpp>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "worker/data/image_decode.h"
#include "worker/tasks/pixels.h"
#include "worker/tasks/task_error.h"
#include "worker/tasks/task_spec.h"

namespace alignflow {

std::vector<PairLine> ParsePairLines(const std::string& lines) {
  std::vector<PairLine> pairs;
  std::istringstream stream(lines);
  for (std::string line; std::getline(stream, line);) {
    try {
      const nlohmann::json json = nlohmann::json::parse(line);
      pairs.push_back({.pair = json.at("pair"),
                       .image = json.at("image"),
                       .mask = json.at("mask"),
                       .origin = json.at("record").at("mask")});
    } catch (const nlohmann::json::exception& error) {
      throw TaskError(absl::InvalidArgumentError(
          absl::StrCat("line ", pairs.size() + 1, " of a list of pairs: ", error.what())));
    }
  }
  return pairs;
}

GeneratedSet LoadPairs(TaskContext& context, const TaskSpec& spec, const std::string& prefix,
                       const LabelTable& labels, int64_t most) {
  std::vector<PairLine> pairs;
  for (const auto& [role, digest] : spec.inputs) {  // sorted, so in the order of the shards
    if (!role.starts_with(prefix + "/")) continue;
    for (PairLine& pair : ParsePairLines(FetchBytes(context, digest))) {
      if (static_cast<int64_t>(pairs.size()) < most) pairs.push_back(std::move(pair));
    }
  }
  if (pairs.empty()) {
    throw TaskError(absl::InvalidArgumentError(absl::StrCat("figures: no pairs of ", prefix)));
  }
  std::vector<std::string> digests;
  for (const PairLine& pair : pairs) digests.insert(digests.end(), {pair.image, pair.mask});
  ThrowIfError(context.Prefetch(digests));
  std::vector<at::Tensor> images, classes;
  GeneratedSet generated;
  for (const PairLine& pair : pairs) {
    const std::string name = absl::StrCat("pair ", pair.pair);
    const cv::Mat image = ValueOrThrow(DecodeImage(FetchBytes(context, pair.image), name));
    cv::Mat mask = ValueOrThrow(DecodeMask(FetchBytes(context, pair.mask), name));
    const std::span<uint8_t> pixels(mask.data, mask.total());
    ThrowIfError(labels.CheckMask(pixels, name));
    labels.ToClasses(pixels);
    images.push_back(TensorOfImage(image));
    classes.push_back(TensorOfMask(mask));
    generated.set.names.push_back(name);
    generated.origins.push_back(pair.origin);
  }
  generated.set.images = at::stack(images);
  generated.set.classes = at::stack(classes);
  generated.set.labels = labels;
  return generated;
}

}  // namespace alignflow
