#ifndef ALIGNFLOW_WORKER_DICOM_DICOM_HEADER_H_
#define ALIGNFLOW_WORKER_DICOM_DICOM_HEADER_H_

#include <array>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "worker/dicom/grey_window.h"
#include "worker/dicom/transfer_syntax.h"

// What a DICOM file says of its pictures, and where their bytes lie. Only kept_elements.h's table
// is looked at. Errors are InvalidArgument and read "REASON; REMEDY". Thread-safe.
namespace alignflow {

// A table of values (PS3.3, C.11.1.1): of values from `first` on; what lies outside gets the
// nearest entry.
struct DicomTable {
  int first = 0;
  int bits = 16;                  // of an entry
  std::vector<uint16_t> entries;  // at least one
};

// How the stored values of grey frames become what is shown. Frames share their tables.
struct GreyRule {
  std::shared_ptr<const DicomTable> modality_table;  // in place of slope and intercept; or null
  double slope = 1, intercept = 0;
  std::shared_ptr<const DicomTable> voi_table;  // in place of a window; or null
  std::optional<GreyWindow> window;             // the file's own first one
};

// Where a frame lies in the patient (PS3.3, C.7.6.2), as far as the file says. Millimetres to the
// patient's left, back and up.
struct FramePlace {
  std::optional<std::array<double, 3>> position;     // of the centre of its first pixel
  std::optional<std::array<double, 6>> orientation;  // directions of a row, then of a column
  std::array<double, 2> spacing{};  // between rows, then between columns; 0: not said
  int segment = 0;                  // that a segmentation's frame is of; 0: not said
};

struct DicomHeader {
  TransferSyntax syntax;
  std::string sop_class;
  std::string modality;     // "CT"
  std::string photometric;  // "MONOCHROME2"
  int64_t rows = 0, columns = 0, frames = 1;
  int samples = 1;  // per pixel
  int bits_allocated = 0, bits_stored = 0, high_bit = 0;
  bool is_signed = false;
  bool planar = false;                            // all of one channel, then the next
  std::optional<int64_t> padding, padding_limit;  // stored values around the picture
  GreyRule grey;
  std::vector<GreyRule> grey_of_frames;  // where frames have rules of their own
  std::vector<DicomTable> palette;       // red, green, blue; or none
  double pixel_aspect = 1;               // a pixel's height over its width
  std::string series;                    // its UID, to be compared alone
  std::string segmentation_type;         // "BINARY"; empty for what is no segmentation
  FramePlace place;
  std::vector<FramePlace> place_of_frames;  // where frames have places of their own
  bool segmented_palette = false, float_pixels = false, has_pixels = false;
  bool burned_in_annotation = false;  // the file says so
  bool overlays = false;

  const GreyRule& GreyOf(int64_t frame) const {
    return frame < static_cast<int64_t>(grey_of_frames.size()) ? grey_of_frames[frame] : grey;
  }
  const FramePlace& PlaceOf(int64_t frame) const {
    return frame < static_cast<int64_t>(place_of_frames.size()) ? place_of_frames[frame] : place;
  }
  int64_t pixels() const { return rows * columns; }
  int64_t frame_bits() const { return pixels() * samples * bits_allocated; }
  // Whether two pixels share their colours, which then take 16 bits a pixel where they are native.
  bool halved_colours() const {
    return photometric == "YBR_FULL_422" && samples == 3 && bits_allocated == 8;
  }
};

// A header and the bytes of its frames, which are views into the file's bytes or into `inflated`.
struct ParsedDicom {
  DicomHeader header;
  std::string_view native;                  // all frames, one after the other
  bool words_swapped = false;               // 8-bit samples stored in big-endian words
  std::vector<std::string_view> fragments;  // of encapsulated frames
  std::vector<size_t> first_fragments;      // of each frame; empty if they are not known
  std::shared_ptr<const std::string> inflated;
};

// Whether a file begins as DICOM files do, or has an ending of theirs (.dcm .dicom .ima) and no
// other image's content.
bool LooksLikeDicom(const std::filesystem::path& path);
// The name without an ending of DICOM files; UIDs keep their last part.
std::string DicomStem(const std::filesystem::path& path);

// Files are read up to here.
inline constexpr int64_t kMostDicomBytes = int64_t{1} << 30;

// `bytes` must outlive the result. Checks that sizes are those of a picture within the limits of
// common/data/image_probe.h and that all frames are there, before anything is decoded.
absl::StatusOr<ParsedDicom> ParseDicom(std::string_view bytes);

// The header alone, of which only the start of the file is read where that is enough.
absl::StatusOr<DicomHeader> ReadDicomHeader(const std::filesystem::path& path);

// How many rows and columns a frame has once its pixels are square.
std::pair<int, int> SquareSize(const DicomHeader& header);

// The bytes of a file of at most kMostDicomBytes.
absl::StatusOr<std::string> ReadDicomBytes(const std::filesystem::path& path);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_DICOM_DICOM_HEADER_H_
