#include "server/workflow/result_forms.h"

#include <algorithm>
#include <array>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <string_view>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/data/image_probe.h"
#include "common/data/motfm_config.h"
#include "common/data/safetensors_header.h"
#include "common/data/volume_probe.h"
#include "common/status_conversion.h"
#include "server/workflow/task_results.h"

namespace alignflow {
namespace {

using Json = nlohmann::json;
using Shape = std::vector<int64_t>;

constexpr int64_t kMaxHeaderBytes = 16 << 20;  // of a file of tensors
// More than any header of ours needs; the picture itself is not looked at.
constexpr int64_t kPictureHeaderBytes = 4 << 10;
constexpr int64_t kResultDigestBytes = 32;
constexpr std::array<std::string_view, 5> kTensorRoles = {"packed", "statistics", "model", "pool",
                                                          "segmenter"};

absl::Status Wrong(const std::string& what) { return absl::InvalidArgumentError(what); }

// The first `limit` bytes; fewer of a shorter blob.
absl::StatusOr<std::string> Beginning(BlobStore& blobs, const std::string& blob, int64_t limit) {
  absl::StatusOr<std::unique_ptr<BlobReader>> reader = blobs.Read(blob, 0);
  if (!reader.ok()) return reader.status();
  return (*reader)->Next(limit);
}

absl::StatusOr<SafetensorsHeader> ReadHeader(BlobStore& blobs, const std::string& blob) {
  absl::StatusOr<std::unique_ptr<BlobReader>> reader = blobs.Read(blob, 0);
  if (!reader.ok()) return reader.status();
  const int64_t size = (*reader)->size();
  absl::StatusOr<std::string> bytes = (*reader)->Next(kSafetensorsLengthBytes);
  if (!bytes.ok()) return bytes.status();
  const absl::StatusOr<int64_t> length = SafetensorsHeaderLength(*bytes, size);
  if (!length.ok()) return length.status();
  if (*length > kMaxHeaderBytes) return Wrong("its header is larger than 16 MiB");
  bytes = (*reader)->Next(std::max<int64_t>(*length, 1));
  if (!bytes.ok()) return bytes.status();
  return ParseSafetensorsHeader(*bytes, size - kSafetensorsLengthBytes - *length);
}

// The tensor's shape; empty if there is none of this type and number of dimensions.
Shape ShapeOf(const SafetensorsHeader& header, const std::string& name, std::string_view type,
              size_t dimensions) {
  const auto tensor = header.tensors.find(name);
  if (tensor == header.tensors.end() || tensor->second.type != type ||
      tensor->second.shape.size() != dimensions) {
    return {};
  }
  return tensor->second.shape;
}

std::string Text(const std::map<std::string, std::string>& texts, const std::string& name) {
  const auto text = texts.find(name);
  return text == texts.end() ? "" : text->second;
}

// [N,3,S,S] of pictures or [N,1,S,S,S] of volumes.
absl::Status CheckPacked(const TaskSpec& task, const SafetensorsHeader& header) {
  const bool volumes = Text(task.settings, "dims") == "3";
  const Shape images = ShapeOf(header, "images", "U8", volumes ? 5 : 4);
  if (images.empty() || images[0] < 1 || images[1] != (volumes ? 1 : 3) ||
      std::any_of(images.begin() + 2, images.end(),
                  [&](int64_t side) { return side != images[2]; }) ||
      absl::StrCat(images[2]) != Text(task.settings, "size")) {
    return Wrong(volumes ? "its volumes are not cubes of the task's size"
                         : "its images are not RGB squares of the task's size");
  }
  const int64_t count = images[0];
  Shape masks = images;
  masks.erase(masks.begin() + 1);
  if (ShapeOf(header, "name_ends", "I64", 1) != Shape{count} ||
      ShapeOf(header, "image_digests", "U8", 2) != Shape{count, kResultDigestBytes}) {
    return Wrong("it has not a name and a digest for each image");
  }
  if (header.tensors.contains("classes") &&
      ShapeOf(header, "classes", "U8", masks.size()) != masks) {
    return Wrong("its masks are not as many and as large as its images");
  }
  if (Text(header.metadata, "dataset") != Text(task.inputs, "dataset")) {
    return Wrong("it was made of another dataset");
  }
  return absl::OkStatus();
}

absl::Status CheckStatistics(const SafetensorsHeader& header) {
  const Shape pictures = ShapeOf(header, "pictures", "F32", 2);
  const Shape features = ShapeOf(header, "features", "F32", 2);
  if (pictures.empty() || features.empty() || pictures[0] != features[0] ||
      ShapeOf(header, "units", "I64", 1) != Shape{3}) {
    return Wrong("its tensors do not belong together");
  }
  return absl::OkStatus();
}

absl::Status CheckPool(const SafetensorsHeader& header) {
  const auto states = header.tensors.find("states"), classes = header.tensors.find("classes");
  if (states == header.tensors.end() || classes == header.tensors.end() ||
      states->second.shape.empty() || classes->second.shape.empty() ||
      states->second.shape.front() < 1) {
    return Wrong("it has no states with classes");
  }
  return absl::OkStatus();
}

absl::Status CheckTensors(const TaskSpec& task, const std::string& role, const std::string& blob,
                          BlobStore& blobs) {
  const absl::StatusOr<SafetensorsHeader> header = ReadHeader(blobs, blob);
  if (!header.ok()) return header.status();
  if (header->tensors.empty()) return Wrong("it has no tensors");
  if (role == "packed") return CheckPacked(task, *header);
  if (role == "statistics") return CheckStatistics(*header);
  if (role == "pool") return CheckPool(*header);
  if (role == "segmenter" && !header->metadata.contains("segmenter")) {
    return Wrong("it does not say which segmenter it is");
  }
  return absl::OkStatus();
}

absl::Status CheckJson(const std::string& role, const std::string& blob, BlobStore& blobs) {
  const absl::StatusOr<std::string> bytes = blobs.Get(blob, kMaxResultDocumentBytes);
  if (!bytes.ok()) return bytes.status();
  const Json document = Json::parse(*bytes, nullptr, false);
  if (document.is_discarded()) return Wrong("it is no JSON");
  const auto has_list = [&](const char* name) {
    return document.is_object() && document.contains(name) && document[name].is_array();
  };
  bool right = true;
  if (role == "curve.json") right = has_list("series");
  if (role == "scores") right = has_list("classes") && has_list("images");
  if (role == "scores.json" || role == "rules") right = document.is_object();
  if (role == "samples.json" || role == "embedding.json") right = document.is_array();
  return right ? absl::OkStatus() : Wrong("it lacks what such a document has");
}

absl::StatusOr<ImageHeader> ProbePng(const std::string& blob, BlobStore& blobs) {
  const absl::StatusOr<std::string> bytes = Beginning(blobs, blob, kPictureHeaderBytes);
  if (!bytes.ok()) return bytes.status();
  absl::StatusOr<ImageHeader> header = ProbeImage(*bytes);
  if (header.ok() && header->format != ImageFormat::kPng) return Wrong("it is no PNG file");
  return header;
}

absl::Status CheckForm(const TaskSpec& task, const std::string& role, const std::string& blob,
                       BlobStore& blobs) {
  if (std::ranges::find(kTensorRoles, role) != kTensorRoles.end()) {
    return CheckTensors(task, role, blob, blobs);
  }
  if (role == "contact-sheet.png") return ProbePng(blob, blobs).status();
  // Documents that the coordinator itself reads are parsed where they are read.
  if (role == "pairs" || role == "masks" || role == "figures" || role == "verdicts.json") {
    return absl::OkStatus();
  }
  return CheckJson(role, blob, blobs);
}

// A pair's picture, a PNG file, or volume.
absl::StatusOr<ImageHeader> ProbePair(const std::string& blob, FileRole role, BlobStore& blobs) {
  const absl::StatusOr<std::string> bytes = Beginning(blobs, blob, kPictureHeaderBytes);
  if (!bytes.ok()) return bytes.status();
  if (!IsPackedVolume(*bytes)) return ProbePng(blob, blobs);
  const absl::StatusOr<NiftiHeader> volume = ProbeVolume(*bytes, role);
  if (!volume.ok()) return volume.status();
  ImageHeader header;
  header.width = volume->grid.size[0];
  header.height = volume->grid.size[1];
  header.depth = volume->grid.size[2];
  return header;
}

absl::Status CheckPicture(const std::string& image, const std::string& mask, BlobStore& blobs) {
  const absl::StatusOr<ImageHeader> of_mask = ProbePair(mask, FileRole::kMask, blobs);
  if (!of_mask.ok()) return Annotate(of_mask.status(), "mask");
  if (image.empty()) return absl::OkStatus();
  const absl::StatusOr<ImageHeader> of_image = ProbePair(image, FileRole::kImage, blobs);
  if (!of_image.ok()) return Annotate(of_image.status(), "image");
  if (of_image->width == of_mask->width && of_image->height == of_mask->height &&
      of_image->depth == of_mask->depth) {
    return absl::OkStatus();
  }
  return Wrong("image and mask are not of one size");
}

}  // namespace

absl::Status CheckForms(const TaskSpec& task, const TaskOutputs& outputs, BlobStore& blobs) {
  const std::vector<std::string> roles = OutputRoles(task.kind);
  for (const auto& [role, blob] : outputs) {
    if (std::ranges::find(roles, role) == roles.end()) {
      return Wrong(absl::StrCat("output ", role, ": tasks of kind ", task.kind, " have none"));
    }
    absl::Status form = CheckForm(task, role, blob, blobs);
    if (!form.ok()) return Annotate(form, absl::StrCat("output ", role));
  }
  return absl::OkStatus();
}

absl::Status CheckWeights(const std::string& blob, BlobStore& blobs) {
  const absl::StatusOr<SafetensorsHeader> header = ReadHeader(blobs, blob);
  if (!header.ok()) return header.status();
  if (header->tensors.empty()) return Wrong("it has no tensors");
  const Json config = Json::parse(Text(header->metadata, kMotfmConfig), nullptr, false);
  if (config.is_object() && config.contains("model_args")) return absl::OkStatus();
  return Wrong(absl::StrCat("its metadata has no JSON object ", kMotfmConfig,
                            " with model_args; `afctl model import` writes one"));
}

absl::Status CheckPictures(const std::vector<PairRecord>& pairs, BlobStore& blobs) {
  // Many pairs have the same mask.
  std::set<std::pair<std::string, std::string>> seen;
  for (const PairRecord& pair : pairs) {
    for (const auto& [image, mask] :
         {std::pair(pair.image, pair.mask), std::pair(pair.view_image, pair.view_mask)}) {
      if (mask.empty() || !seen.insert({image, mask}).second) continue;
      absl::Status form = CheckPicture(image, mask, blobs);
      if (!form.ok()) return Annotate(form, absl::StrCat("pairs: pair ", pair.index));
    }
  }
  return absl::OkStatus();
}

}  // namespace alignflow
