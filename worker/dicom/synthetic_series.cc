#include "worker/dicom/synthetic_series.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"

namespace alignflow {
namespace {

// Not in DCMTK 3.6.7's list of names.
const DcmTagKey kSyntheticData(0x0008, 0x001c);

constexpr char kManufacturer[] = "AlignFlow";
// Of the bytes that are written for a pair: to be counted up where they change.
constexpr char kWriterVersion[] = "pairs 1";

std::string IdOf(const std::string& job) { return job.substr(job.find('/') + 1); }

std::string NameOfPair(const SyntheticOrigin& origin) {
  return absl::StrFormat("pair %d of %s", origin.pair, origin.job);
}

void WritePatient(const SyntheticOrigin& origin, bool of_no_source, const DicomFields& fields) {
  fields.Text(DCM_PatientName, EVR_PN, absl::StrFormat("SYNTHETIC^PAIR %06d", origin.pair));
  fields.Text(DCM_PatientID, EVR_LO,
              absl::StrFormat("SYNTHETIC-%s-%06d", IdOf(origin.job), origin.pair));
  fields.Text(DCM_PatientBirthDate, EVR_DA, "");
  fields.Text(DCM_PatientSex, EVR_CS, "");
  if (!of_no_source) return;
  fields.Text(DCM_PatientIdentityRemoved, EVR_CS, "YES");
  fields.Text(DCM_DeidentificationMethod, EVR_LO, "Synthetic; header made without a patient's");
}

void WriteStudy(const SyntheticOrigin& origin, const DicomFields& fields) {
  const absl::CivilSecond made =
      absl::ToCivilSecond(absl::FromUnixSeconds(origin.made_s), absl::UTCTimeZone());
  const std::string date = absl::StrFormat("%04d%02d%02d", made.year(), made.month(), made.day());
  const std::string time =
      absl::StrFormat("%02d%02d%02d", made.hour(), made.minute(), made.second());
  fields.Text(DCM_TimezoneOffsetFromUTC, EVR_SH, "+0000");
  fields.Text(DCM_StudyDate, EVR_DA, date);
  fields.Text(DCM_StudyTime, EVR_TM, time);
  fields.Text(DCM_ContentDate, EVR_DA, date);
  fields.Text(DCM_ContentTime, EVR_TM, time);
  fields.Text(DCM_AccessionNumber, EVR_SH, "");
  fields.Text(DCM_ReferringPhysicianName, EVR_PN, "");
  fields.Text(DCM_StudyID, EVR_SH, IdOf(origin.job).substr(0, 16));
  fields.Text(DCM_StudyDescription, EVR_LO, "Synthetic image-mask pair");
  fields.Uid(DCM_StudyInstanceUID, UidOf(PairUid::kStudy, origin));
}

void WriteEquipment(const DicomFields& fields) {
  fields.Text(DCM_Manufacturer, EVR_LO, kManufacturer);
  fields.Text(DCM_ManufacturerModelName, EVR_LO, kManufacturer);
  fields.Text(DCM_DeviceSerialNumber, EVR_LO, "none");
  fields.Text(DCM_SoftwareVersions, EVR_LO, kWriterVersion);
}

std::string HowMade(const SyntheticOrigin& origin) {
  if (origin.kind == "restyled") return "restyled: a source image, made anew by a generative model";
  if (origin.kind == "recoloured") return "recoloured: a source image in a reference's colours";
  if (origin.kind == "framed") return "framed: a source image in a reference's frame";
  if (origin.kind == "generated") return "generated: made for its mask by a generative model";
  return "made by a generative model";
}

}  // namespace

std::string UidOf(PairUid what, const SyntheticOrigin& origin) {
  return DerivedUid(absl::StrCat("alignflow pair\n", origin.job, "\n", origin.pair, "\n",
                                 origin.digest, "\n", static_cast<int>(what)));
}

std::string ImageClassOf(bool volume) {
  return volume ? UID_MultiframeGrayscaleWordSecondaryCaptureImageStorage
                : UID_SecondaryCaptureImageStorage;
}

void WriteCommon(const SyntheticOrigin& origin, const SyntheticObject& object,
                 const DicomFields& fields) {
  WritePatient(origin, object.of_no_source, fields);
  WriteStudy(origin, fields);
  WriteEquipment(fields);
  fields.Text(DCM_Modality, EVR_CS, object.modality);
  fields.Uid(DCM_SeriesInstanceUID, UidOf(object.series, origin));
  fields.Text(DCM_SeriesNumber, EVR_IS, absl::StrCat(object.series_number));
  fields.Text(DCM_SeriesDescription, EVR_LO,
              origin.kind.empty() ? object.series_description
                                  : absl::StrCat(object.series_description, ", ", origin.kind));
  fields.Uid(DCM_SOPClassUID, object.sop_class);
  fields.Uid(DCM_SOPInstanceUID, UidOf(object.instance, origin));
  fields.Text(kSyntheticData, EVR_CS, "YES");
  fields.Text(DCM_InstanceNumber, EVR_IS, "1");
  fields.Text(DCM_ImageType, EVR_CS, object.image_type);
  fields.Text(DCM_DerivationDescription, EVR_ST, absl::StrCat("Synthetic: ", HowMade(origin)));
  fields.Text(
      DCM_ImageComments, EVR_LT,
      absl::StrCat("SYNTHETIC", origin.kind.empty() ? "" : absl::StrCat(" (", origin.kind, ")"),
                   ": ", NameOfPair(origin), "; not of a patient, not for diagnosis"));
  const DicomFields equipment = fields.Item(DCM_ContributingEquipmentSequence);
  equipment.CodeOf(DCM_PurposeOfReferenceCodeSequence, {"109100", "DCM", "Synthesizing Equipment"});
  WriteEquipment(equipment);
  equipment.Text(DCM_ContributionDescription, EVR_ST, NameOfPair(origin));
}

void WritePixelFormat(const cv::Mat& frame, size_t frames, int bits, const DicomFields& fields) {
  const bool colours = frame.channels() == 3;
  fields.Short(DCM_SamplesPerPixel, colours ? 3 : 1);
  fields.Text(DCM_PhotometricInterpretation, EVR_CS, colours ? "RGB" : "MONOCHROME2");
  if (colours) fields.Short(DCM_PlanarConfiguration, 0);
  if (frames > 0) fields.Text(DCM_NumberOfFrames, EVR_IS, absl::StrCat(frames));
  fields.Short(DCM_Rows, static_cast<uint16_t>(frame.rows));
  fields.Short(DCM_Columns, static_cast<uint16_t>(frame.cols));
  fields.Short(DCM_BitsAllocated, static_cast<uint16_t>(bits));
  fields.Short(DCM_BitsStored, static_cast<uint16_t>(bits));
  fields.Short(DCM_HighBit, static_cast<uint16_t>(bits - 1));
  fields.Short(DCM_PixelRepresentation, 0);
}

void WriteSharedPlanes(const FramePlanes& planes, const DicomFields& shared) {
  const DicomFields measures = shared.Item(DCM_PixelMeasuresSequence);
  measures.Decimals(DCM_PixelSpacing, {planes.spacing.begin(), planes.spacing.end()});
  measures.Decimals(DCM_SliceThickness, {planes.thickness});
  measures.Decimals(DCM_SpacingBetweenSlices, {planes.thickness});
  shared.Item(DCM_PlaneOrientationSequence)
      .Decimals(DCM_ImageOrientationPatient,
                {planes.orientation.begin(), planes.orientation.end()});
}

void WritePosition(const FramePlanes& planes, size_t frame, const DicomFields& own) {
  const std::array<double, 3>& position = planes.positions[frame];
  own.Item(DCM_PlanePositionSequence)
      .Decimals(DCM_ImagePositionPatient, {position.begin(), position.end()});
}

}  // namespace alignflow
