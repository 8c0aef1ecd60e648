#include "worker/data/item_check.h"

#include <algorithm>
#include <fstream>
#include <map>
#include <mutex>
#include <new>
#include <optional>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/data/image_probe.h"
#include "common/parallel.h"
#include "worker/data/image_decode.h"
#include "worker/data/image_file.h"
#include "worker/data/memory_gate.h"

namespace alignflow {
namespace {

namespace fs = std::filesystem;

// What was found in one item.
struct Findings {
  std::vector<Fault> faults;
  std::vector<std::pair<fs::path, int>> further_pages;
};

// The decoded file; nothing, and a fault, if it is not read.
std::optional<DecodedFile> Decode(const fs::path& path, FileRole role, const LabelTable* labels,
                                  SetFacts& facts, Findings& findings) {
  if (path.empty()) return std::nullopt;
  const bool mask = role == FileRole::kMask;
  const absl::StatusOr<std::string> bytes = ReadImageFile(path);
  if (!bytes.ok()) {
    findings.faults.push_back(FaultOf(bytes.status(), path, "files that cannot be read"));
    return std::nullopt;
  }
  const std::string name = ShownPath(path);
  absl::StatusOr<DecodedFile> file =
      mask ? ReadMask(*bytes, name, labels) : ReadImage(*bytes, name);
  if (!file.ok()) {
    findings.faults.push_back(FaultOf(
        file.status(), path, mask ? "masks that cannot be used" : "images that cannot be used"));
    return std::nullopt;
  }
  if (file->header.pictures > 1) findings.further_pages.emplace_back(path, file->header.pictures);
  ReadNotes notes = file->notes;
  notes.reset(static_cast<size_t>(ReadNote::kFirstPicture));
  facts.notes.Add(role, notes);
  return *std::move(file);
}

void CheckItem(FolderItem& item, size_t index, const LabelTable* labels, SetFacts& facts,
               Findings& findings) {
  const auto image = Decode(item.image, FileRole::kImage, nullptr, facts, findings);
  const auto mask = Decode(item.mask, FileRole::kMask, labels, facts, findings);
  if (image) {
    item.width = image->pixels.cols;
    item.height = image->pixels.rows;
    facts.greatest_sample = image->greatest_sample;
  }
  if (mask && image) {
    const absl::StatusOr<ReadNotes> pair = JudgePair(image->header, mask->header);
    if (pair.ok()) {
      facts.notes.Add(FileRole::kMask, *pair);
    } else {
      findings.faults.push_back(
          FaultOf(pair.status(), item.GivenMask(), "masks of another size than their image"));
    }
  }
  if (mask) {
    facts.lossy_masks = mask->header.lossy;
    facts.labels.Add(mask->pixels, index);
  }
  if (image) {
    item.facts =
        FactsOfItem(image->pixels, mask ? std::optional<cv::Mat>(mask->pixels) : std::nullopt);
  }
}

// As CheckItem; a picture that memory does not hold is a fault, too.
void CheckItemWithin(MemoryGate& gate, FolderItem& item, size_t index, const LabelTable* labels,
                     SetFacts& facts, Findings& findings) {
  const size_t bytes = DecodeBytes(item.image) + DecodeBytes(item.mask);
  gate.Enter(bytes);
  try {
    CheckItem(item, index, labels, facts, findings);
  } catch (const std::bad_alloc&) {
    findings.faults.push_back({.kind = "images that cannot be used",
                               .remedy = "make the picture smaller, or leave it out",
                               .path = item.image.empty() ? item.GivenMask() : item.GivenImage(),
                               .reason = "there is not enough memory to decode it"});
  }
  gate.Leave(bytes);
}

}  // namespace

size_t DecodeBytes(const fs::path& path) {
  if (path.empty()) return 0;
  std::error_code error;
  const auto size = fs::file_size(path, error);
  if (error || size > static_cast<uintmax_t>(kMaxImageFileBytes)) return 0;  // refused unread
  std::string start(std::min<size_t>(size, size_t{64} << 10), '\0');
  std::ifstream(path, std::ios::binary)
      .read(start.data(), static_cast<std::streamsize>(start.size()));
  const absl::StatusOr<ImageHeader> header = ProbeImage(start);
  int64_t pixels = kMaxImagePixels;
  if (header.ok()) pixels = std::min(pixels, header->width * header->height);
  return size + 8 * static_cast<size_t>(pixels);
}

void SetFacts::Add(const SetFacts& other) {
  labels.Add(other.labels);
  notes.Add(other.notes);
  greatest_sample = std::max(greatest_sample, other.greatest_sample);
  lossy_masks = lossy_masks || other.lossy_masks;
}

absl::Status CheckItems(std::vector<FolderItem>& items, const LabelTable* labels,
                        const ScanProgress& progress, SetFacts& facts, LeftOutList& left_out,
                        FaultList& faults) {
  MemoryGate gate(kDecodeBytes);
  std::mutex mutex;
  std::map<size_t, Findings> findings;  // of the items that have any
  size_t done = 0;
  bool stopped = false;
  ForEachOnAllCores(items.size(), [&](size_t i) {
    SetFacts own;
    Findings found;
    CheckItemWithin(gate, items[i], i, labels, own, found);
    const std::scoped_lock lock(mutex);
    facts.Add(own);
    if (!found.faults.empty() || !found.further_pages.empty()) findings[i] = std::move(found);
    if (!stopped && progress) stopped = !progress(++done, items.size());
    return !stopped;
  });
  if (stopped) return absl::CancelledError("stopped while checking the images");
  for (auto& [i, found] : findings) {
    for (Fault& fault : found.faults) faults.Add(std::move(fault));
    for (const auto& [path, pages] : found.further_pages) {
      left_out.Add(path,
                   "further pages of a TIFF or frames of a picture, of which the first alone is "
                   "read: export each as a file of its own",
                   absl::StrCat("(", pages - 1, " of ", pages,
                                pages == kMostPictures ? " or more" : "", " pages)"));
    }
  }
  return absl::OkStatus();
}

}  // namespace alignflow
