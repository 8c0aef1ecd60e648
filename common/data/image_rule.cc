#include "common/data/image_rule.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace alignflow {
namespace {

ReadNotes Only(ReadNote note) { return ReadNotes().set(static_cast<size_t>(note)); }

std::string SizeText(int64_t width, int64_t height) { return absl::StrCat(width, "x", height); }

// A picture's size and what its orientation did to it.
std::string SidesOf(const ImageHeader& header) {
  if (header.depth > 0) {
    return absl::StrCat(SizeText(header.width, header.height), "x", header.depth);
  }
  const std::string size = SizeText(header.width, header.height);
  if (!header.SwapsSides()) return size;
  return absl::StrCat(size, " once turned by its EXIF orientation (",
                      SizeText(header.height, header.width), " as stored)");
}

}  // namespace

absl::StatusOr<ReadNotes> JudgeHeader(const ImageHeader& header, FileRole role) {
  if (!header.unread.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(header.unread, header.unread.ends_with('s') ? " are" : " is",
                     " not read; export it as PNG with 8 or 16 bits, grey or RGB"));
  }
  ReadNotes notes;
  const auto note_if = [&](bool condition, ReadNote note) {
    if (condition) notes |= Only(note);
  };
  const bool mask = role == FileRole::kMask;
  note_if(header.orientation != 1, ReadNote::kTurned);
  note_if(header.pictures > 1, ReadNote::kFirstPicture);
  note_if(header.alpha, ReadNote::kAlphaDropped);
  note_if(!mask && header.bits == 16, ReadNote::kDeepSamples);
  note_if(mask && header.lossy, ReadNote::kNearestLabel);
  note_if(mask && !header.palette && (header.bits == 2 || header.bits == 4), ReadNote::kStretched);
  return notes;
}

absl::StatusOr<ProbedFile> ProbeFile(std::string_view bytes, FileRole role) {
  absl::StatusOr<ImageHeader> header = ProbeImage(bytes);
  if (!header.ok()) return header.status();
  absl::Status status = CheckImageSize(*header, static_cast<int64_t>(bytes.size()));
  if (!status.ok()) return status;
  const absl::StatusOr<ReadNotes> notes = JudgeHeader(*header, role);
  if (!notes.ok()) return notes.status();
  status = CheckImageComplete(bytes);
  if (!status.ok()) return status;
  return ProbedFile{*std::move(header), *notes};
}

absl::StatusOr<ReadNotes> JudgePair(const ImageHeader& image, const ImageHeader& mask) {
  const bool turned_alone = (image.orientation == 1) != (mask.orientation == 1);
  if ((image.depth == 0) != (mask.depth == 0)) {
    return absl::InvalidArgumentError(
        absl::StrCat("the mask is a ", mask.depth == 0 ? "picture" : "volume",
                     " and its image is not; a "
                     "dataset is of pictures or of volumes, and its masks are of the same kind"));
  }
  if (image.width == mask.width && image.height == mask.height && image.depth == mask.depth) {
    return turned_alone ? Only(ReadNote::kTurnedAlone) : ReadNotes();
  }
  const std::string sizes =
      absl::StrCat("the mask is ", SidesOf(mask), ", its image ", SidesOf(image));
  const bool same_as_stored = image.width == mask.height && image.height == mask.width;
  if (turned_alone && same_as_stored && image.SwapsSides() != mask.SwapsSides()) {
    const bool image_turned = image.orientation != 1;
    return absl::InvalidArgumentError(absl::StrFormat(
        "%s: the %s is turned by its EXIF orientation and the %s is not; turn the %s as well, or "
        "remove the orientation from the %s (exiftool -Orientation= FILE) if the mask was drawn on "
        "the picture as stored",
        sizes, image_turned ? "image" : "mask", image_turned ? "mask" : "image",
        image_turned ? "mask" : "image", image_turned ? "image" : "mask"));
  }
  return absl::InvalidArgumentError(absl::StrCat(
      sizes, "; both must have the same size: bring the mask to its image's (nearest neighbour)"));
}

std::string_view NoteWords(ReadNote note) {
  switch (note) {
    case ReadNote::kTurned:
      return "turned as the EXIF orientation says";
    case ReadNote::kFirstPicture:
      return "several pages or frames, of which only the first is read";
    case ReadNote::kAlphaDropped:
      return "transparency is dropped";
    case ReadNote::kDeepSamples:
      return "16 bits per sample, brought to 8";
    case ReadNote::kEqualChannels:
      return "stored as RGB with equal channels, read as grey values";
    case ReadNote::kStretched:
      return "less than 8 bits, values stretched to 0 to 255 as viewers do";
    case ReadNote::kPaletteIndex:
      return "a palette of colours: a pixel's index is its label value";
    case ReadNote::kPaletteGreys:
      return "a palette of greys, read as grey values";
    case ReadNote::kNarrowed:
      return "16 bits, but the values fit in 8";
    case ReadNote::kNearestLabel:
      return "stored with loss, which changes values: each pixel gets the nearest label";
    case ReadNote::kTurnedAlone:
      return "one file of the pair is turned by an EXIF orientation and the other has none: look "
             "whether they fit each other";
  }
  return "";
}

void NoteTally::Add(FileRole role, const ReadNotes& notes) {
  for (size_t note = 0; note < kReadNotes; ++note) {
    counts_[static_cast<size_t>(role)][note] += notes.test(note);
  }
}

void NoteTally::Add(const NoteTally& other) {
  for (size_t role = 0; role < counts_.size(); ++role) {
    for (size_t note = 0; note < kReadNotes; ++note) {
      counts_[role][note] += other.counts_[role][note];
    }
  }
}

std::vector<std::string> NoteTally::Sentences() const {
  std::vector<std::string> sentences;
  for (const FileRole role : {FileRole::kImage, FileRole::kMask}) {
    for (size_t note = 0; note < kReadNotes; ++note) {
      const size_t count = counts_[static_cast<size_t>(role)][note];
      if (count == 0) continue;
      sentences.push_back(absl::StrCat(
          count, role == FileRole::kMask ? " mask" : " image",
          count == 1 ? ": " : "s: ", std::string(NoteWords(static_cast<ReadNote>(note)))));
    }
  }
  return sentences;
}

}  // namespace alignflow
