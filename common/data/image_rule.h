#ifndef ALIGNFLOW_COMMON_DATA_IMAGE_RULE_H_
#define ALIGNFLOW_COMMON_DATA_IMAGE_RULE_H_

#include <array>
#include <bitset>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/data/image_probe.h"

// The one rule about which files are read, as an image and as a mask: read, read with a note, or
// refused with reason and remedy. afctl asks it before it decodes, the coordinator before it
// registers, so neither takes what the other refuses. What depends on pixels is not in a header: it
// is the decoder's to say (worker/data/image_decode.h), which afctl runs before anything is sent.
//
// docs/data.md has the rule as a table, which a test makes. Thread-safe.
namespace alignflow {

enum class FileRole { kImage, kMask };

// That a file is read otherwise than as its pixels are stored.
enum class ReadNote {
  kTurned,         // by its EXIF or TIFF orientation
  kFirstPicture,   // of several
  kAlphaDropped,   // of an image, or of a mask where it is the same everywhere
  kDeepSamples,    // an image of 16 bits per sample
  kEqualChannels,  // a mask stored as colours that are all grey
  kStretched,      // a mask of 2 or 4 bits, whose greys become 0 to 255
  kPaletteIndex,   // a mask of palette indices
  kPaletteGreys,   // a mask whose palette is grey
  kNarrowed,       // a mask of 16 bits whose values fit in 8
  kNearestLabel,   // a mask stored by a lossy format
  kTurnedAlone,    // an image that is turned and a mask that is not, or the reverse
};
inline constexpr size_t kReadNotes = 11;
using ReadNotes = std::bitset<kReadNotes>;

// The notes on a file of this header. InvalidArgument, "REASON; REMEDY", if such a file is not
// read.
absl::StatusOr<ReadNotes> JudgeHeader(const ImageHeader& header, FileRole role);

// Everything about a file that can be said without decoding it: its header, its size, its rule, and
// that it is there to its end.
struct ProbedFile {
  ImageHeader header;
  ReadNotes notes;
};
absl::StatusOr<ProbedFile> ProbeFile(std::string_view bytes, FileRole role);

// The notes on a mask beside its image. Refused if their sizes differ; where an orientation is the
// reason it is named.
absl::StatusOr<ReadNotes> JudgePair(const ImageHeader& image, const ImageHeader& mask);

// What a note says, such as "transparency is dropped".
std::string_view NoteWords(ReadNote note);

// Counts notes over a set, for sentences such as "3 masks: stored as RGB with equal channels, read
// as grey values".
class NoteTally {
 public:
  void Add(FileRole role, const ReadNotes& notes);
  void Add(const NoteTally& other);
  // One sentence per note and role that occurred.
  std::vector<std::string> Sentences() const;

 private:
  std::array<std::array<size_t, kReadNotes>, 2> counts_{};  // by role and note
};

}  // namespace alignflow

#endif  // ALIGNFLOW_COMMON_DATA_IMAGE_RULE_H_
