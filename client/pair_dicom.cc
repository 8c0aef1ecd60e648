#include "client/pair_dicom.h"

#include <opencv2/core.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/class_mask.h"
#include "client/message_json.h"
#include "worker/data/image_decode.h"
#include "worker/dicom/synthetic_dicom.h"
#include "worker/volumes/dicom_volume.h"

namespace alignflow {
namespace {

SyntheticOrigin OriginOf(const v1::Job& job, const v1::Pair& pair) {
  const Json record = Json::parse(pair.record_json(), nullptr, /*allow_exceptions=*/false);
  const auto text = [&record](const char* key) {
    const bool there = record.is_object() && record.contains(key) && record[key].is_string();
    return there ? record[key].get<std::string>() : std::string();
  };
  return {.job = job.name(),
          .pair = pair.index(),
          .kind = text("synthetic"),
          .digest = absl::StrCat(pair.image().sha256(), pair.mask().sha256()),
          .made_s = job.create_time().seconds(),
          .new_mask = text("mask_kind") == "synthetic"};
}

std::vector<SyntheticMask::Segment> SegmentsOf(const LabelTable& labels) {
  std::vector<SyntheticMask::Segment> segments;
  for (const LabelTable::Label& label : labels.labels()) {
    segments.push_back({label.name, label.colour});
  }
  return segments;
}

// An image and its mask, not yet packed.
struct Unpacked {
  SyntheticImage image;
  SyntheticMask mask;
};

absl::StatusOr<Unpacked> Pictures(std::string_view image, const std::string& image_name,
                                  std::string_view mask, const std::string& mask_name,
                                  const LabelTable& labels) {
  const absl::StatusOr<cv::Mat> picture = DecodeImage(image, image_name);
  if (!picture.ok()) return absl::DataLossError(picture.status().message());
  const absl::StatusOr<cv::Mat> classes = ClassPicture(mask, mask_name, labels);
  if (!classes.ok()) return classes.status();
  Unpacked pair;
  pair.image.frames = {*picture};
  pair.mask.frames = {*classes};
  return pair;
}

absl::StatusOr<Unpacked> Volumes(std::string_view image, const std::string& image_name,
                                 std::string_view mask, const std::string& mask_name,
                                 const LabelTable& labels) {
  const absl::StatusOr<Volume> volume = VolumeOfBytes(image, image_name);
  if (!volume.ok()) return volume.status();
  const absl::StatusOr<Volume> classes = ClassVolume(mask, mask_name, labels);
  if (!classes.ok()) return classes.status();
  absl::StatusOr<SyntheticImage> frames = DicomImageOf(*volume);
  absl::StatusOr<SyntheticMask> class_frames = DicomMaskOf(*classes);
  const absl::Status fits = frames.ok() ? class_frames.status() : frames.status();
  if (!fits.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(image_name, ": ", fits.message()));
  }
  // The mask lies on the image's own frames, to the last digit.
  class_frames->planes = frames->planes;
  return Unpacked{*std::move(frames), *std::move(class_frames)};
}

}  // namespace

absl::StatusOr<DicomPair> DicomOfPair(const v1::Job& job, const v1::Pair& pair, PairContent content,
                                      std::string_view image, std::string_view mask,
                                      const LabelTable& labels) {
  const std::string image_name = ImageName(PairFormat::kDicom, content, pair.index());
  const std::string mask_name = MaskName(PairFormat::kDicom, content, pair.index());
  const bool volumes = content == PairContent::kVolumes;
  absl::StatusOr<Unpacked> unpacked =
      (volumes ? Volumes : Pictures)(image, image_name, mask, mask_name, labels);
  if (!unpacked.ok()) return unpacked.status();
  if (unpacked->image.frames.size() != unpacked->mask.frames.size() ||
      unpacked->image.frames.front().size() != unpacked->mask.frames.front().size()) {
    return absl::DataLossError(absl::StrCat(mask_name, ": it has another size than its image"));
  }
  unpacked->mask.segments = SegmentsOf(labels);
  const SyntheticOrigin origin = OriginOf(job, pair);
  absl::StatusOr<std::string> image_file = PackSyntheticImage(origin, unpacked->image);
  if (!image_file.ok()) return image_file.status();
  absl::StatusOr<std::string> mask_file = PackSyntheticMask(origin, unpacked->mask);
  if (!mask_file.ok()) return mask_file.status();
  return DicomPair{*std::move(image_file), *std::move(mask_file)};
}

}  // namespace alignflow
