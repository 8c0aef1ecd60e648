#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>

#include "worker/dicom/synthetic_dicom.h"
#include "worker/dicom/synthetic_series.h"

namespace alignflow {
namespace {

bool IsGrey(const cv::Mat& picture) {
  if (picture.channels() == 1) return true;
  cv::Mat channels[3];
  cv::split(picture, channels);
  return cv::norm(channels[0], channels[1], cv::NORM_INF) == 0 &&
         cv::norm(channels[1], channels[2], cv::NORM_INF) == 0;
}

// Frame by frame, row by row.
template <typename Sample>
std::vector<Sample> SamplesOf(const std::vector<cv::Mat>& frames) {
  std::vector<Sample> samples;
  for (const cv::Mat& frame : frames) {
    for (int row = 0; row < frame.rows; ++row) {
      const auto* line = frame.ptr<Sample>(row);
      samples.insert(samples.end(), line,
                     line + static_cast<ptrdiff_t>(frame.cols) * frame.channels());
    }
  }
  return samples;
}

void WritePicture(const cv::Mat& picture, const DicomFields& fields) {
  cv::Mat stored;
  if (!IsGrey(picture)) {
    cv::cvtColor(picture, stored, cv::COLOR_BGR2RGB);
  } else if (picture.channels() == 3) {
    cv::extractChannel(picture, stored, 0);
  } else {
    stored = picture;
  }
  WritePixelFormat(stored, 0, 8, fields);
  fields.Bytes(DCM_PixelData, SamplesOf<uint8_t>({stored}));
}

void WriteVolume(const SyntheticOrigin& origin, const SyntheticImage& image,
                 const DicomFields& fields) {
  const FramePlanes& planes = *image.planes;
  WritePixelFormat(image.frames.front(), image.frames.size(), 16, fields);
  fields.Uid(DCM_FrameOfReferenceUID, UidOf(PairUid::kSpace, origin));
  fields.Text(DCM_PositionReferenceIndicator, EVR_LO, "");
  // Frames differ by where they lie along their normal (C.8.6.4).
  fields.Tag(DCM_FrameIncrementPointer, DCM_SliceLocationVector);
  std::vector<double> along;
  for (size_t frame = 0; frame < image.frames.size(); ++frame) {
    along.push_back(planes.thickness * static_cast<double>(frame));
  }
  fields.Decimals(DCM_SliceLocationVector, along);
  fields.Decimals(DCM_RescaleIntercept, {image.intercept});
  fields.Decimals(DCM_RescaleSlope, {image.slope});
  fields.Text(DCM_RescaleType, EVR_LO, "US");  // unspecified
  if (image.shown) {
    const auto [black, white] = *image.shown;
    fields.Decimals(DCM_WindowCenter, {(black + white) / 2});
    fields.Decimals(DCM_WindowWidth, {white - black});
    fields.Text(DCM_VOILUTFunction, EVR_CS, "LINEAR_EXACT");
  }
  fields.Text(DCM_PresentationLUTShape, EVR_CS, "IDENTITY");
  WriteSharedPlanes(planes, fields.Item(DCM_SharedFunctionalGroupsSequence));
  for (size_t frame = 0; frame < image.frames.size(); ++frame) {
    WritePosition(planes, frame, fields.Item(DCM_PerFrameFunctionalGroupsSequence));
  }
  fields.Words(DCM_PixelData, SamplesOf<uint16_t>(image.frames));
}

}  // namespace

absl::StatusOr<std::string> PackSyntheticImage(const SyntheticOrigin& origin,
                                               const SyntheticImage& image) {
  const bool volume = image.planes.has_value();
  DicomFile file;
  const DicomFields fields = file.fields();
  // What is made of a source image may still show whose it was: writing over tissue, or a face.
  const bool of_no_source = origin.kind == "generated";
  WriteCommon(origin,
              {.sop_class = ImageClassOf(volume),
               .modality = "OT",
               .image_type = "DERIVED\\SECONDARY",
               .series_description = "Synthetic image",
               .series = PairUid::kImageSeries,
               .instance = PairUid::kImage,
               .series_number = 1,
               .of_no_source = of_no_source},
              fields);
  fields.Text(DCM_Laterality, EVR_CS, "");
  fields.Text(DCM_PatientOrientation, EVR_CS, "");
  fields.Text(DCM_ConversionType, EVR_CS, "SYN");
  if (of_no_source || volume) fields.Text(DCM_BurnedInAnnotation, EVR_CS, "NO");
  if (volume) {
    WriteVolume(origin, image, fields);
  } else {
    WritePicture(image.frames.front(), fields);
  }
  return file.Pack();
}

}  // namespace alignflow
