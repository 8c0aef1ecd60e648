#include "worker/dicom/dicom_kind.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/counted.h"
#include "common/data/image_probe.h"

namespace alignflow {
namespace {

constexpr double kMostAspect = 8;

absl::Status RefuseKind(std::string_view reason, std::string_view remedy) {
  return absl::InvalidArgumentError(absl::StrCat(std::string(reason), "; ", std::string(remedy)));
}

// Kinds of files whose frames are no pictures.
struct Kind {
  std::string_view sop_class, name;
  bool of_one_frame;  // one frame of it is a picture, several are a volume
};
constexpr auto kKinds = std::to_array<Kind>({
    {"1.2.840.10008.5.1.4.1.1.2", "a CT volume", true},
    {"1.2.840.10008.5.1.4.1.1.2.1", "a CT volume", true},
    {"1.2.840.10008.5.1.4.1.1.2.2", "a CT volume", true},
    {"1.2.840.10008.5.1.4.1.1.4", "an MR volume", true},
    {"1.2.840.10008.5.1.4.1.1.4.1", "an MR volume", true},
    {"1.2.840.10008.5.1.4.1.1.4.3", "an MR volume", true},
    {"1.2.840.10008.5.1.4.1.1.4.4", "an MR volume", true},
    {"1.2.840.10008.5.1.4.1.1.6.2", "an ultrasound volume", true},
    {"1.2.840.10008.5.1.4.1.1.13.1.1", "an X-ray volume", true},
    {"1.2.840.10008.5.1.4.1.1.13.1.2", "an X-ray volume", true},
    {"1.2.840.10008.5.1.4.1.1.13.1.3", "a tomosynthesis", true},
    {"1.2.840.10008.5.1.4.1.1.13.1.4", "a tomosynthesis", true},
    {"1.2.840.10008.5.1.4.1.1.13.1.5", "a tomosynthesis", true},
    {"1.2.840.10008.5.1.4.1.1.77.1.5.4", "an OCT volume", true},
    {"1.2.840.10008.5.1.4.1.1.128", "a PET volume", true},
    {"1.2.840.10008.5.1.4.1.1.128.1", "a PET volume", true},
    {"1.2.840.10008.5.1.4.1.1.130", "a PET volume", true},
    {"1.2.840.10008.5.1.4.1.1.77.1.6", "a whole-slide image in tiles", false},
    {"1.2.840.10008.5.1.4.1.1.30", "a parametric map", false},
    {"1.2.840.10008.5.1.4.1.1.66.4", "a segmentation", false},
    {"1.2.840.10008.5.1.4.1.1.66.7", "a segmentation", false},
    {"1.2.840.10008.5.1.4.1.1.481.2", "a dose distribution", false},
});

// Secondary captures of several grey frames, of 8 or 16 bits, each of which says where it lies in
// the patient; others are pictures.
bool IsPlacedCapture(const DicomHeader& header) {
  if (header.sop_class != "1.2.840.10008.5.1.4.1.1.7.2" &&
      header.sop_class != "1.2.840.10008.5.1.4.1.1.7.3") {
    return false;
  }
  return header.place_of_frames.size() > 1 &&
         std::ranges::all_of(header.place_of_frames, [](const FramePlace& place) {
           return place.position && place.orientation;
         });
}

const Kind* KindOf(const DicomHeader& header) {
  static constexpr Kind kPlaced{"", "a volume of secondary captures", true};
  if (IsPlacedCapture(header)) return &kPlaced;
  const auto found = std::ranges::find(kKinds, header.sop_class, &Kind::sop_class);
  return found == kKinds.end() ? nullptr : &*found;
}

}  // namespace

absl::Status CheckIsPicture(const DicomHeader& header) {
  const Kind* kind = KindOf(header);
  if (kind != nullptr && (!kind->of_one_frame || header.frames > 1)) {
    return RefuseKind(
        absl::StrCat("the DICOM file is ", std::string(kind->name),
                     header.frames == 1 ? "" : absl::StrCat(" of ", header.frames, " frames"),
                     " and no picture"),
        kind->of_one_frame ? "push volumes as a dataset of their own (DIR/images/a.dcm, with masks "
                             "of volumes), or store the slices that are meant as single-frame files"
                           : "export what is meant as PNG, or leave it out");
  }
  if (header.bits_allocated == 1) {
    return RefuseKind("the DICOM file has 1 bit per pixel, so it is a segmentation and no picture",
                      "export it as a PNG mask, or leave it out");
  }
  const auto [rows, columns] = SquareSize(header);
  if (header.pixel_aspect > kMostAspect || header.pixel_aspect < 1 / kMostAspect ||
      rows > kMaxImageSide || columns > kMaxImageSide ||
      int64_t{rows} * columns > kMaxImagePixels) {
    return RefuseKind(absl::StrCat("the DICOM file's pixels are ", header.pixel_aspect,
                                   " times as high as wide, and made square they are too many"),
                      "export its frames as PNG");
  }
  static constexpr auto kColours =
      std::to_array<std::string_view>({"RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT"});
  const bool grey = header.photometric == "MONOCHROME1" || header.photometric == "MONOCHROME2";
  const bool palette = header.photometric == "PALETTE COLOR";
  const bool colours = std::ranges::find(kColours, header.photometric) != kColours.end();
  if (palette && (header.segmented_palette || header.palette.size() != 3)) {
    return RefuseKind(header.segmented_palette
                          ? "the DICOM file has a palette in segments, which is not read"
                          : "the DICOM file has no palette for its colours",
                      "export its frames as PNG");
  }
  if ((grey || palette) == colours || (colours ? 3 : 1) != header.samples) {
    return RefuseKind(
        absl::StrCat("the DICOM file has the colours '", absl::CHexEscape(header.photometric),
                     "' with ", Counted(header.samples, "sample"), " per pixel, which is not read"),
        "export its frames as PNG");
  }
  if (colours && header.bits_allocated > 16) {
    return RefuseKind("the DICOM file has colours of 32 bits", "export its frames as PNG");
  }
  return absl::OkStatus();
}

bool IsVolumeFile(const DicomHeader& header) {
  const Kind* kind = KindOf(header);
  return kind != nullptr && kind->of_one_frame && header.frames > 1;
}

bool IsSegmentation(const DicomHeader& header) {
  return header.sop_class == "1.2.840.10008.5.1.4.1.1.66.4" ||
         header.sop_class == "1.2.840.10008.5.1.4.1.1.66.7";
}

absl::Status CheckIsSlice(const DicomHeader& header) {
  const Kind* kind = KindOf(header);
  if (kind != nullptr && !kind->of_one_frame) {
    return RefuseKind(absl::StrCat("the DICOM file is ", std::string(kind->name), " and no slice"),
                      "leave it out, or move it to where it belongs");
  }
  if (header.samples != 1 || !header.photometric.starts_with("MONOCHROME")) {
    return RefuseKind(absl::StrCat("the DICOM file has colours (",
                                   absl::CHexEscape(header.photometric.substr(0, 16)), ")"),
                      "volumes have one grey value for each voxel: leave it out, or export it so");
  }
  if (header.bits_allocated == 1) {
    return RefuseKind("the DICOM file has 1 bit per pixel, so it is no slice of an image",
                      "leave it out, or move it to the masks");
  }
  return absl::OkStatus();
}

}  // namespace alignflow
