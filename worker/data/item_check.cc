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
#include "absl/strings/str_format.h"
#include "common/data/image_probe.h"
#include "common/data/tiff_pages.h"
#include "common/parallel.h"
#include "worker/data/image_decode.h"
#include "worker/data/image_file.h"
#include "worker/data/memory_gate.h"

namespace alignflow {
namespace {

namespace fs = std::filesystem;

// What decoding takes: the file, and for each pixel the stored samples (16 bits of four channels at
// most). Of a file that does not begin with its header, such as many a TIFF, the most is assumed.
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

// What was found in one item.
struct Findings {
  std::vector<Fault> faults;
  std::vector<std::pair<fs::path, int>> further_pages;
};

// Readers' and decoders' messages are "FILE: REASON; REMEDY".
Fault FaultOf(const absl::Status& status, const fs::path& path, std::string_view kind) {
  std::string text(status.message());
  const std::string prefix = absl::StrCat(ShownPath(path), ": ");
  if (text.starts_with(prefix)) text.erase(0, prefix.size());
  const size_t end = std::min(text.find("; "), text.size());
  return {.kind = std::string(kind),
          .remedy = end < text.size() ? text.substr(end + 2) : "leave the file out",
          .path = path,
          .reason = text.substr(0, end),
          .permission = absl::IsPermissionDenied(status)};
}

// The decoded pixels; nothing, and a fault, if there are none.
std::optional<cv::Mat> Decode(const fs::path& path, bool mask, Findings& findings) {
  const absl::StatusOr<std::string> bytes = ReadImageFile(path);
  if (!bytes.ok()) {
    findings.faults.push_back(FaultOf(bytes.status(), path, "files that cannot be read"));
    return std::nullopt;
  }
  const std::string name = ShownPath(path);
  absl::StatusOr<cv::Mat> pixels = mask ? DecodeMask(*bytes, name) : DecodeImage(*bytes, name);
  if (!pixels.ok()) {
    findings.faults.push_back(FaultOf(
        pixels.status(), path, mask ? "masks that cannot be used" : "images that cannot be used"));
    return std::nullopt;
  }
  if (const int pages = CountTiffPages(*bytes); pages > 1) {
    findings.further_pages.emplace_back(path, pages);
  }
  return *std::move(pixels);
}

void CheckItem(FolderItem& item, size_t index, LabelUse& use, Findings& findings) {
  std::optional<cv::Mat> image, mask;
  if (!item.image.empty()) image = Decode(item.image, /*mask=*/false, findings);
  if (!item.mask.empty()) mask = Decode(item.mask, /*mask=*/true, findings);
  if (image) {
    item.width = image->cols;
    item.height = image->rows;
  }
  if (mask && image && mask->size() != image->size()) {
    findings.faults.push_back(
        {.kind = "masks of another size than their image",
         .remedy = "bring both to the same size (nearest neighbour for masks)",
         .path = item.mask,
         .reason = absl::StrFormat("the mask has %dx%d pixels, its image %dx%d", mask->cols,
                                   mask->rows, image->cols, image->rows)});
  }
  if (mask) use.Add(*mask, index);
  if (image) item.facts = FactsOfItem(*image, mask);
}

// As CheckItem; a picture that memory does not hold is a fault, too.
void CheckItemWithin(MemoryGate& gate, FolderItem& item, size_t index, LabelUse& use,
                     Findings& findings) {
  const size_t bytes = DecodeBytes(item.image) + DecodeBytes(item.mask);
  gate.Enter(bytes);
  try {
    CheckItem(item, index, use, findings);
  } catch (const std::bad_alloc&) {
    findings.faults.push_back({.kind = "images that cannot be used",
                               .remedy = "make the picture smaller, or leave it out",
                               .path = item.image.empty() ? item.mask : item.image,
                               .reason = "there is not enough memory to decode it"});
  }
  gate.Leave(bytes);
}

}  // namespace

absl::Status CheckItems(std::vector<FolderItem>& items, const ScanProgress& progress, LabelUse& use,
                        LeftOutList& left_out, FaultList& faults) {
  MemoryGate gate(kDecodeBytes);
  std::mutex mutex;
  std::map<size_t, Findings> findings;  // of the items that have any
  size_t done = 0;
  bool stopped = false;
  ForEachOnAllCores(items.size(), [&](size_t i) {
    LabelUse own;
    Findings found;
    CheckItemWithin(gate, items[i], i, own, found);
    const std::scoped_lock lock(mutex);
    use.Add(own);
    if (!found.faults.empty() || !found.further_pages.empty()) findings[i] = std::move(found);
    if (!stopped && progress) stopped = !progress(++done, items.size());
    return !stopped;
  });
  if (stopped) return absl::CancelledError("stopped while checking the images");
  for (auto& [i, found] : findings) {
    for (Fault& fault : found.faults) faults.Add(std::move(fault));
    for (const auto& [path, pages] : found.further_pages) {
      left_out.Add(path,
                   "further pages of a TIFF, of which the first alone is read: export each page as "
                   "a file of its own",
                   absl::StrCat("(", pages - 1, " of ", pages, " pages)"));
    }
  }
  return absl::OkStatus();
}

}  // namespace alignflow
