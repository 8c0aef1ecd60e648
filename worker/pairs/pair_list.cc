#include "worker/pairs/pair_list.h"

#include <nlohmann/json.hpp>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "worker/data/image_decode.h"
#include "worker/sets/pixels.h"
#include "worker/tasks/task_error.h"
#include "worker/tasks/task_spec.h"

namespace alignflow {

PairNumbers PairNumbersOf(const TaskSpec& spec) {
  const PairNumbers numbers{IntegerSetting(spec, "first_pair"), IntegerSetting(spec, "last_pair")};
  if (numbers.first >= 1 && numbers.last >= numbers.first) return numbers;
  throw TaskError(
      absl::InvalidArgumentError("first_pair and last_pair must be 1 <= first <= last"));
}

std::string StorePair(TaskContext& context, const at::Tensor& image, const at::Tensor& classes,
                      const LabelTable& labels, nlohmann::json record) {
  const auto store = [&](absl::StatusOr<std::string> png) {
    return ValueOrThrow(context.Store(ValueOrThrow(std::move(png))));
  };
  const nlohmann::json line{{"pair", record.at("pair")},
                            {"image", store(EncodePng(ImageOfTensor(image)))},
                            {"mask", store(EncodeMask(MaskOfTensor(classes, labels), labels))},
                            {"record", std::move(record)}};
  return line.dump() + "\n";
}

std::vector<PairLine> ParsePairLines(const std::string& lines) {
  std::vector<PairLine> pairs;
  std::istringstream stream(lines);
  for (std::string line; std::getline(stream, line);) {
    try {
      const nlohmann::json json = nlohmann::json::parse(line);
      PairLine pair{.pair = json.at("pair"),
                    .image = "",
                    .mask = "",
                    .origin = json.at("record").at("mask"),
                    .left_out = json.value("left_out", ""),
                    .record = json.at("record").dump()};
      if (pair.left_out.empty()) {
        pair.image = json.at("image");
        pair.mask = json.at("mask");
      }
      pairs.push_back(std::move(pair));
    } catch (const nlohmann::json::exception& error) {
      throw TaskError(absl::InvalidArgumentError(
          absl::StrCat("line ", pairs.size() + 1, " of a list of pairs: ", error.what())));
    }
  }
  return pairs;
}

GeneratedSet LoadPairs(TaskContext& context, const TaskSpec& spec, const std::string& prefix,
                       const LabelTable& labels, int64_t most) {
  GeneratedSet generated;
  std::vector<PairLine> pairs;
  for (const auto& [role, digest] : spec.inputs) {  // sorted, so in the order of the shards
    if (!role.starts_with(prefix + "/")) continue;
    for (PairLine& pair : ParsePairLines(FetchBytes(context, digest))) {
      if (!pair.left_out.empty()) {
        ++generated.left_out;
        continue;
      }
      ++generated.handed_out;
      if (static_cast<int64_t>(pairs.size()) < most) pairs.push_back(std::move(pair));
    }
  }
  if (pairs.empty()) {
    throw TaskError(absl::InvalidArgumentError(absl::StrCat(
        "there are no pairs of ", prefix, ": the gates left out ", generated.left_out,
        "; look at the reasons in their records, lower gates.mask_agreement or train longer")));
  }
  std::vector<std::string> digests;
  for (const PairLine& pair : pairs) digests.insert(digests.end(), {pair.image, pair.mask});
  ThrowIfError(context.Prefetch(digests));
  std::vector<at::Tensor> images, classes;
  for (const PairLine& pair : pairs) {
    const std::string name = absl::StrCat("pair ", pair.pair);
    const cv::Mat image = ValueOrThrow(DecodeImage(FetchBytes(context, pair.image), name));
    cv::Mat mask = ValueOrThrow(DecodeMask(FetchBytes(context, pair.mask), name, &labels));
    const std::span<uint8_t> pixels(mask.data, mask.total());
    ThrowIfError(labels.CheckMask(pixels, name));
    labels.ToClasses(pixels);
    images.push_back(TensorOfImage(image));
    classes.push_back(TensorOfMask(mask));
    generated.set.names.push_back(name);
    generated.pairs.push_back(pair.pair);
    generated.origins.push_back(pair.origin);
    generated.records.push_back(pair.record);
  }
  generated.set.images = at::stack(images);
  generated.set.classes = at::stack(classes);
  generated.set.labels = labels;
  return generated;
}

}  // namespace alignflow
