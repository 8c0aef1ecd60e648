#include <cmath>
#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>

#include "absl/strings/str_cat.h"
#include "worker/dicom/synthetic_dicom.h"
#include "worker/dicom/synthetic_series.h"

namespace alignflow {
namespace {

// A frame of the file: where one segment is in one of the image's frames.
struct SegmentFrame {
  int segment = 0;
  size_t frame = 0;
};

std::vector<SegmentFrame> ListFrames(const SyntheticMask& mask) {
  std::vector<SegmentFrame> frames;
  for (int segment = 1; segment <= static_cast<int>(mask.segments.size()); ++segment) {
    const size_t before = frames.size();
    for (size_t frame = 0; frame < mask.frames.size(); ++frame) {
      if (cv::countNonZero(mask.frames[frame] == segment) > 0) frames.push_back({segment, frame});
    }
    if (frames.size() == before) frames.push_back({segment, 0});
  }
  return frames;
}

// One bit a pixel, the first in the lowest, without gaps between frames (PS3.5, 8.1.1).
std::vector<uint8_t> PackBits(const SyntheticMask& mask, const std::vector<SegmentFrame>& frames) {
  const size_t pixels = mask.frames.front().total();
  std::vector<uint8_t> bits((pixels * frames.size() + 7) / 8);
  size_t at = 0;
  for (const auto& [segment, frame] : frames) {
    const cv::Mat& classes = mask.frames[frame];
    for (int row = 0; row < classes.rows; ++row) {
      const uint8_t* line = classes.ptr(row);
      for (int column = 0; column < classes.cols; ++column, ++at) {
        if (line[column] == segment) bits[at / 8] |= static_cast<uint8_t>(1 << at % 8);
      }
    }
  }
  return bits;
}

// L, a and b as C.10.7.1.1 scales them. Without a colour of its own a segment gets one of hues that
// differ by the golden angle.
std::vector<uint16_t> CielabOf(const SyntheticMask::Segment& segment, int number) {
  cv::Mat rgb(1, 1, CV_32FC3);
  if (segment.colour) {
    const uint32_t colour = *segment.colour;
    rgb = cv::Scalar(colour >> 16 & 0xff, colour >> 8 & 0xff, colour & 0xff) / 255.0;
  } else {
    constexpr double kGoldenAngle = 137.508;
    const cv::Mat hsv(1, 1, CV_32FC3, cv::Scalar(std::fmod(kGoldenAngle * number, 360), 0.8, 0.9));
    cv::cvtColor(hsv, rgb, cv::COLOR_HSV2RGB);
  }
  cv::Mat lab;
  cv::cvtColor(rgb, lab, cv::COLOR_RGB2Lab);
  const auto& [lightness, a, b] = lab.at<cv::Vec3f>(0, 0).val;
  const auto scaled = [](float value, float range) {
    return static_cast<uint16_t>(std::lround(std::clamp(value / range, 0.0f, 1.0f) * 65535));
  };
  return {scaled(lightness, 100), scaled(a + 128, 255), scaled(b + 128, 255)};
}

void WriteSegments(const SyntheticOrigin& origin, const SyntheticMask& mask,
                   const DicomFields& fields) {
  int number = 0;
  for (const SyntheticMask::Segment& segment : mask.segments) {
    const DicomFields item = fields.Item(DCM_SegmentSequence);
    item.Short(DCM_SegmentNumber, static_cast<uint16_t>(++number));
    const std::string name = segment.name.substr(0, 64);
    item.Text(DCM_SegmentLabel, EVR_LO, name);
    // A mask of the source's was drawn by somebody, and brought to the pair by a program.
    item.Text(DCM_SegmentAlgorithmType, EVR_CS, origin.new_mask ? "AUTOMATIC" : "SEMIAUTOMATIC");
    item.Text(DCM_SegmentAlgorithmName, EVR_LO, "AlignFlow");
    item.Shorts(DCM_RecommendedDisplayCIELabValue, CielabOf(segment, number));
    // What a label stands for is known by its name alone.
    item.CodeOf(DCM_SegmentedPropertyCategoryCodeSequence,
                {"309825002", "SCT", "Spatial and Relational Concept"});
    item.CodeOf(DCM_SegmentedPropertyTypeCodeSequence,
                {absl::StrCat("class-", number), "99ALIGNFLOW", name});
  }
}

void WriteReferences(const SyntheticOrigin& origin, bool volume, const DicomFields& fields) {
  const DicomFields series = fields.Item(DCM_ReferencedSeriesSequence);
  series.Uid(DCM_SeriesInstanceUID, UidOf(PairUid::kImageSeries, origin));
  const DicomFields instance = series.Item(DCM_ReferencedInstanceSequence);
  instance.Uid(DCM_ReferencedSOPClassUID, ImageClassOf(volume));
  instance.Uid(DCM_ReferencedSOPInstanceUID, UidOf(PairUid::kImage, origin));
}

void WriteDimensions(const SyntheticOrigin& origin, bool volume, const DicomFields& fields) {
  const std::string uid = UidOf(PairUid::kMaskDimensions, origin);
  fields.Item(DCM_DimensionOrganizationSequence).Uid(DCM_DimensionOrganizationUID, uid);
  const auto add = [&](const DcmTagKey& pointer, const DcmTagKey& group, const char* label) {
    const DicomFields index = fields.Item(DCM_DimensionIndexSequence);
    index.Tag(DCM_DimensionIndexPointer, pointer);
    index.Tag(DCM_FunctionalGroupPointer, group);
    index.Uid(DCM_DimensionOrganizationUID, uid);
    index.Text(DCM_DimensionDescriptionLabel, EVR_LO, label);
  };
  add(DCM_ReferencedSegmentNumber, DCM_SegmentIdentificationSequence, "Segment");
  if (volume) add(DCM_ImagePositionPatient, DCM_PlanePositionSequence, "Position");
}

// What the frame was drawn on.
void WriteSource(const SyntheticOrigin& origin, const SegmentFrame& frame, bool volume,
                 const DicomFields& own) {
  const DicomFields derivation = own.Item(DCM_DerivationImageSequence);
  derivation.CodeOf(DCM_DerivationCodeSequence, {"113076", "DCM", "Segmentation"});
  const DicomFields source = derivation.Item(DCM_SourceImageSequence);
  source.Uid(DCM_ReferencedSOPClassUID, ImageClassOf(volume));
  source.Uid(DCM_ReferencedSOPInstanceUID, UidOf(PairUid::kImage, origin));
  if (volume) source.Text(DCM_ReferencedFrameNumber, EVR_IS, absl::StrCat(frame.frame + 1));
  source.Text(DCM_SpatialLocationsPreserved, EVR_CS, "YES");
  source.CodeOf(DCM_PurposeOfReferenceCodeSequence,
                {"121322", "DCM", "Source image for image processing operation"});
}

void WriteFrame(const SyntheticOrigin& origin, const SyntheticMask& mask, const SegmentFrame& frame,
                const DicomFields& own) {
  const bool volume = mask.planes.has_value();
  std::vector<uint32_t> index = {static_cast<uint32_t>(frame.segment)};
  if (volume) index.push_back(static_cast<uint32_t>(frame.frame + 1));
  own.Item(DCM_FrameContentSequence).Longs(DCM_DimensionIndexValues, index);
  if (volume) WritePosition(*mask.planes, frame.frame, own);
  WriteSource(origin, frame, volume, own);
  own.Item(DCM_SegmentIdentificationSequence)
      .Short(DCM_ReferencedSegmentNumber, static_cast<uint16_t>(frame.segment));
}

}  // namespace

absl::StatusOr<std::string> PackSyntheticMask(const SyntheticOrigin& origin,
                                              const SyntheticMask& mask) {
  const bool volume = mask.planes.has_value();
  const std::vector<SegmentFrame> frames = ListFrames(mask);
  DicomFile file;
  const DicomFields fields = file.fields();
  WriteCommon(origin,
              {.sop_class = UID_SegmentationStorage,
               .modality = "SEG",
               .image_type = "DERIVED\\PRIMARY",
               .series_description = "Synthetic mask",
               .series = PairUid::kMaskSeries,
               .instance = PairUid::kMask,
               .series_number = 2,
               .of_no_source = true},
              fields);
  WritePixelFormat(mask.frames.front(), frames.size(), 1, fields);
  fields.Text(DCM_LossyImageCompression, EVR_CS, "00");
  fields.Text(DCM_ContentLabel, EVR_CS, "MASK");
  fields.Text(DCM_ContentDescription, EVR_LO, "");
  fields.Text(DCM_ContentCreatorName, EVR_PN, "");
  fields.Text(DCM_SegmentationType, EVR_CS, "BINARY");
  fields.Text(DCM_SegmentsOverlap, EVR_CS, "NO");
  if (volume) {
    fields.Uid(DCM_FrameOfReferenceUID, UidOf(PairUid::kSpace, origin));
    fields.Text(DCM_PositionReferenceIndicator, EVR_LO, "");
  } else {
    fields.Text(DCM_PatientOrientation, EVR_CS, "");
  }
  WriteSegments(origin, mask, fields);
  WriteReferences(origin, volume, fields);
  WriteDimensions(origin, volume, fields);
  const DicomFields shared = fields.Item(DCM_SharedFunctionalGroupsSequence);
  if (volume) WriteSharedPlanes(*mask.planes, shared);
  for (const SegmentFrame& frame : frames) {
    WriteFrame(origin, mask, frame, fields.Item(DCM_PerFrameFunctionalGroupsSequence));
  }
  fields.Bytes(DCM_PixelData, PackBits(mask, frames));
  return file.Pack();
}

}  // namespace alignflow
