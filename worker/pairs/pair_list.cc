#include "worker/pairs/pair_list.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <sstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/settings/settings.h"
#include "worker/data/image_decode.h"
#include "worker/data/image_file.h"
#include "worker/data/letterbox.h"
#include "worker/models/safetensors.h"
#include "worker/models/safetensors_writer.h"
#include "worker/sets/pixels.h"
#include "worker/sets/volume_row.h"
#include "worker/stores/model_file.h"
#include "worker/tasks/task_error.h"
#include "worker/tasks/task_spec.h"

namespace alignflow {
namespace {

constexpr int64_t kDecodedTogether = 32;

std::string NameOf(const PairLine& pair) { return absl::StrCat("pair ", pair.pair); }

// A pair as it is used: uint8 [3,S,S] and [S,S] classes, or of volumes [1,S,S,S] and [S,S,S].
struct DecodedPair {
  at::Tensor image, classes;
};

absl::StatusOr<DecodedPair> DecodeVolumePair(const std::string& name,
                                             const std::filesystem::path& image,
                                             const std::filesystem::path& mask,
                                             const LabelTable& labels, int64_t size) {
  DecodedPair pair{at::empty({1, size, size, size}, at::kByte),
                   at::empty({size, size, size}, at::kByte)};
  MaskFacts ignored;
  absl::Status status = DecodeVolume(name, image, mask, labels, pair.image, pair.classes,
                                     VolumeRows::Empty(1).Row(0), ignored);
  if (!status.ok()) return status;
  return pair;
}

absl::StatusOr<DecodedPair> DecodePair(const std::string& name, const std::filesystem::path& image,
                                       const std::filesystem::path& mask, const LabelTable& labels,
                                       int64_t size) {
  auto bytes = ReadImageFile(image);
  if (!bytes.ok()) return bytes.status();
  const auto pixels = DecodeImage(*bytes, name);
  if (!pixels.ok()) return pixels.status();
  bytes = ReadImageFile(mask);
  if (!bytes.ok()) return bytes.status();
  auto values = DecodeMask(*bytes, name, &labels);
  if (!values.ok()) return values.status();
  if (values->size() != pixels->size()) {
    return absl::InvalidArgumentError(absl::StrCat(name, ": image and mask differ in size"));
  }
  // A frame has the reference's proportions.
  const LetterboxPlan plan = PlanLetterbox(pixels->cols, pixels->rows, static_cast<int>(size));
  cv::Mat boxed = LetterboxMask(*values, plan, labels.background());
  const std::span<uint8_t> all(boxed.data, boxed.total());
  if (absl::Status status = labels.CheckMask(all, name); !status.ok()) return status;
  labels.ToClasses(all);
  return DecodedPair{TensorOfImage(LetterboxImage(*pixels, plan)), TensorOfMask(boxed)};
}

// The pairs as views of a file that is written here, a few pairs at a time: a job may have a
// million.
ImageSet DecodePairs(TaskContext& context, const std::vector<PairLine>& pairs,
                     const LabelTable& labels, int64_t size, bool volumes,
                     const std::filesystem::path& file) {
  ImageSet set;
  set.labels = labels;
  const auto count = static_cast<int64_t>(pairs.size());
  std::optional<SafetensorsWriter> writer;
  for (int64_t begin = 0; begin < count; begin += kDecodedTogether) {
    if (context.Cancelled()) throw TaskError(absl::CancelledError("the task was cancelled"));
    const std::span<const PairLine> some(pairs.data() + begin,
                                         std::min(kDecodedTogether, count - begin));
    std::vector<std::string> digests;
    for (const PairLine& pair : some) digests.insert(digests.end(), {pair.image, pair.mask});
    ThrowIfError(context.Prefetch(digests));
    std::vector<std::filesystem::path> files;
    for (const std::string& digest : digests) files.push_back(ValueOrThrow(context.Fetch(digest)));
    std::vector<absl::StatusOr<DecodedPair>> decoded(some.size(), absl::UnknownError(""));
    at::parallel_for(0, static_cast<int64_t>(some.size()), 1, [&](int64_t first, int64_t last) {
      for (int64_t i = first; i < last; ++i) {
        decoded[i] = (volumes ? DecodeVolumePair : DecodePair)(NameOf(some[i]), files[2 * i],
                                                               files[2 * i + 1], labels, size);
      }
    });
    std::vector<at::Tensor> images, classes;
    for (size_t i = 0; i < some.size(); ++i) {
      const DecodedPair pair = ValueOrThrow(std::move(decoded[i]));
      if (!writer) {
        writer.emplace(file,
                       std::map<std::string, TensorShape>{
                           {"images", {at::kByte, ShapeOfImages(count, size, volumes)}},
                           {"classes", {at::kByte, ShapeOfClasses(count, size, volumes)}}},
                       std::map<std::string, std::string>());
      }
      images.push_back(pair.image);
      classes.push_back(pair.classes);
      set.names.push_back(NameOf(some[i]));
    }
    writer->WriteRows("images", begin, at::stack(images));
    writer->WriteRows("classes", begin, at::stack(classes));
  }
  writer->Finish(/*flush=*/false);
  const SafetensorsFile mapped(file);
  set.images = mapped.Get("images");
  set.classes = mapped.Get("classes");
  return set;
}

bool IsOfVolumes(const TaskSpec& spec) { return DimsOfPreset(TextSetting(spec, "preset")) == 3; }

}  // namespace

PairNumbers PairNumbersOf(const TaskSpec& spec) {
  const PairNumbers numbers{IntegerSetting(spec, "first_pair"), IntegerSetting(spec, "last_pair")};
  if (numbers.first >= 1 && numbers.last >= numbers.first) return numbers;
  throw TaskError(
      absl::InvalidArgumentError("first_pair and last_pair must be 1 <= first <= last"));
}

std::string StorePair(TaskContext& context, const PairFrames& frames, int64_t item,
                      const PairScale::Scaled& shown, const ImageSet& source,
                      nlohmann::json record) {
  const auto& [image, classes, scale] = shown;
  const LabelTable& labels = source.labels;
  const auto store = [&](absl::StatusOr<std::string> png) {
    return ValueOrThrow(context.Store(ValueOrThrow(std::move(png))));
  };
  const int64_t number = record.at("pair");
  if (source.volumes.defined()) {
    const VolumePair files = EncodeVolumes(image, classes, labels, source.volumes.Row(item));
    const nlohmann::json line{{"pair", number},
                              {"image", store(files.image)},
                              {"mask", store(files.mask)},
                              {"record", std::move(record)}};
    return line.dump() + "\n";
  }
  if (scale < 1) record["scale"] = std::round(scale * 1000) / 1000;
  const std::string view_image = store(EncodePng(ImageOfTensor(image)));
  const std::string view_mask = store(EncodeMask(MaskOfTensor(classes, labels), labels));
  nlohmann::json line{{"pair", number}};
  if (frames.frames()) {
    FramedPair framed = frames.Put(number, item, image, classes);
    record["framing"] = std::move(framed.record);
    line.update({{"image", store(EncodePng(framed.image))},
                 {"mask", store(EncodeMask(framed.mask, labels))},
                 {"view_image", view_image},
                 {"view_mask", view_mask}});
  } else {
    line.update({{"image", view_image}, {"mask", view_mask}});
  }
  line["record"] = std::move(record);
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
                    .view_image = "",
                    .view_mask = "",
                    .origin = json.at("record").at("mask"),
                    .left_out = json.value("left_out", ""),
                    .record = json.at("record").dump()};
      if (pair.left_out.empty()) {
        pair.image = json.at("image");
        pair.mask = json.at("mask");
        pair.view_image = json.value("view_image", "");
        pair.view_mask = json.value("view_mask", "");
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
                       const LabelTable& labels, PictureUse use, int64_t most) {
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
      if (use == PictureUse::kView && !pair.view_image.empty()) {
        pair.image = std::move(pair.view_image);
        pair.mask = std::move(pair.view_mask);
      }
      if (static_cast<int64_t>(pairs.size()) < most) pairs.push_back(std::move(pair));
    }
  }
  if (pairs.empty()) {
    throw TaskError(absl::InvalidArgumentError(absl::StrCat(
        "there are no pairs of ", prefix, ": the gates left out ", generated.left_out,
        "; look at the reasons in their records, lower gates.mask_agreement or train longer")));
  }
  const std::string file = prefix + (use == PictureUse::kWhole ? "-whole" : "-view");
  generated.set = DecodePairs(context, pairs, labels, ImageSize(spec), IsOfVolumes(spec),
                              context.scratch() / (file + ".safetensors"));
  for (PairLine& pair : pairs) {
    generated.pairs.push_back(pair.pair);
    generated.origins.push_back(std::move(pair.origin));
    generated.records.push_back(std::move(pair.record));
  }
  return generated;
}

ImageSet LoadSomePairs(TaskContext& context, const TaskSpec& spec, const std::string& prefix,
                       const LabelTable& labels, const std::set<int64_t>& numbers, int64_t size) {
  std::vector<PairLine> pairs;
  for (const auto& [role, digest] : spec.inputs) {
    if (!role.starts_with(prefix + "/")) continue;
    for (PairLine& pair : ParsePairLines(FetchBytes(context, digest))) {
      if (pair.left_out.empty() && numbers.contains(pair.pair)) pairs.push_back(std::move(pair));
    }
  }
  return DecodePairs(context, pairs, labels, size, IsOfVolumes(spec),
                     context.scratch() / (prefix + "-some.safetensors"));
}

}  // namespace alignflow
