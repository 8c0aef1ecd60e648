// DCMTK's configuration must come first.
#include <dcmtk/config/osconfig.h>
// Its other headers.
#include <dcmtk/dcmdata/dcpixel.h>
#include <dcmtk/dcmdata/dcpixseq.h>
#include <dcmtk/dcmdata/dcpxitem.h>
#include <dcmtk/dcmdata/dctk.h>
#include <dcmtk/dcmjpeg/djdecode.h>
#include <dcmtk/dcmjpls/djdecode.h>
#include <dcmtk/oflog/oflog.h>

#include <memory>

#include "absl/strings/str_cat.h"
#include "worker/dicom/element_walk.h"
#include "worker/dicom/frame_codecs.h"

namespace alignflow {
namespace {

void RegisterOnce() {
  static const bool registered = [] {
    // Its log would name what is in the files.
    OFLog::configure(OFLogger::OFF_LOG_LEVEL);
    DJDecoderRegistration::registerCodecs(EDC_photometricInterpretation, EUC_never,
                                          EPC_colorByPixel);
    DJLSDecoderRegistration::registerCodecs(EJLSUC_never, EJLSPC_colorByPixel);
    return true;
  }();
  static_cast<void>(registered);
}

// What the codecs ask a data set for.
void Describe(const DicomHeader& header, DcmDataset& set) {
  set.putAndInsertUint16(DCM_SamplesPerPixel, static_cast<Uint16>(header.samples));
  set.putAndInsertString(DCM_PhotometricInterpretation, header.photometric.c_str());
  if (header.samples > 1) set.putAndInsertUint16(DCM_PlanarConfiguration, 0);
  set.putAndInsertString(DCM_NumberOfFrames, "1");
  set.putAndInsertUint16(DCM_Rows, static_cast<Uint16>(header.rows));
  set.putAndInsertUint16(DCM_Columns, static_cast<Uint16>(header.columns));
  set.putAndInsertUint16(DCM_BitsAllocated, static_cast<Uint16>(header.bits_allocated));
  set.putAndInsertUint16(DCM_BitsStored, static_cast<Uint16>(header.bits_stored));
  set.putAndInsertUint16(DCM_HighBit, static_cast<Uint16>(header.high_bit));
  set.putAndInsertUint16(DCM_PixelRepresentation, header.is_signed ? 1 : 0);
}

// That the frame is of the header's size, before memory is taken for what it says itself: its
// markers up to the first that begins a picture (ITU-T T.81, B.2; of JPEG-LS, T.87, C.1).
absl::Status CheckSize(std::string_view frame, const DicomHeader& header) {
  size_t at = 2;
  while (at + 4 <= frame.size()) {
    if (static_cast<uint8_t>(frame[at]) != 0xff) break;
    const auto marker = static_cast<uint8_t>(frame[at + 1]);
    if (marker == 0xff) {  // a fill byte
      ++at;
      continue;
    }
    const bool tables = marker == 0xc4 || marker == 0xc8 || marker == 0xcc;
    if ((marker >= 0xc0 && marker <= 0xcf && !tables) || marker == 0xf7) {
      if (frame.size() - at < 10) break;
      if (Read16(frame.substr(at + 5), true) == header.rows &&
          Read16(frame.substr(at + 7), true) == header.columns &&
          static_cast<uint8_t>(frame[at + 9]) == header.samples) {
        return absl::OkStatus();
      }
      return DamagedDicom("a JPEG frame has another size than the header says");
    }
    at += 2 + Read16(frame.substr(at + 2), true);
  }
  return DamagedDicom("a JPEG frame does not say how large it is");
}

}  // namespace

absl::StatusOr<CodecOutput> DecodeByDcmtk(std::string_view frame, const DicomHeader& header) {
  RegisterOnce();
  absl::Status size = CheckSize(frame, header);
  if (!size.ok()) return size;
  DcmDataset set;
  Describe(header, set);
  const E_TransferSyntax syntax = DcmXfer(header.syntax.uid.c_str()).getXfer();
  auto fragments = std::make_unique<DcmPixelSequence>(DCM_PixelSequenceTag);
  auto offsets = std::make_unique<DcmPixelItem>(DCM_PixelItemTag);
  auto fragment = std::make_unique<DcmPixelItem>(DCM_PixelItemTag);
  OFCondition result = fragment->putUint8Array(reinterpret_cast<const Uint8*>(frame.data()),
                                               static_cast<unsigned long>(frame.size()));
  if (result.good()) result = fragments->insert(offsets.release());
  if (result.good()) result = fragments->insert(fragment.release());
  DcmPixelData pixels(DCM_PixelData);
  // Owned by `pixels` from here on.
  pixels.putOriginalRepresentation(syntax, nullptr, fragments.release());
  CodecOutput output;
  output.samples.assign(static_cast<size_t>(header.frame_bits() / 8 + header.frame_bits() / 8 % 2),
                        '\0');
  OFString photometric;
  Uint32 first_fragment = 1;
  if (result.good()) {
    result = pixels.getUncompressedFrame(&set, 0, first_fragment, output.samples.data(),
                                         static_cast<Uint32>(output.samples.size()), photometric);
  }
  if (result.bad()) {
    return DamagedDicom(absl::StrCat("a frame cannot be decoded (", result.text(), ")"));
  }
  output.photometric = photometric.empty() ? header.photometric : photometric.c_str();
  return output;
}

}  // namespace alignflow
