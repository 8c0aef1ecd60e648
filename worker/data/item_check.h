#ifndef ALIGNFLOW_WORKER_DATA_ITEM_CHECK_H_
#define ALIGNFLOW_WORKER_DATA_ITEM_CHECK_H_

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "common/data/image_rule.h"
#include "worker/data/fault_list.h"
#include "worker/data/item_facts.h"
#include "worker/data/label_use.h"

namespace alignflow {

struct FolderItem {
  std::string name;             // the image's stem
  std::filesystem::path image;  // empty for a mask without an image
  std::filesystem::path mask;   // empty for references
  int width = 0;                // pixels, of image and mask alike
  int height = 0;
  int depth = 0;  // voxels from feet to head of a volume; 0: a picture
  ItemFacts facts = {};
  std::string group = {};        // as groups.csv gives it; empty: there is no such file
  std::string image_class = {};  // as classes.csv gives it, likewise
  // The user's own files, where image and mask were made of them (image_import.h); else empty.
  std::filesystem::path image_source = {};
  std::filesystem::path mask_source = {};
  int64_t frame = 0;  // of the image's source

  // What messages call the two.
  const std::filesystem::path& GivenImage() const {
    return image_source.empty() ? image : image_source;
  }
  const std::filesystem::path& GivenMask() const {
    return mask_source.empty() ? mask : mask_source;
  }
};

// What the files of a set have told besides.
struct SetFacts {
  LabelUse labels;           // of the masks
  NoteTally notes;           // but for further pictures of a file, which are left out
  int greatest_sample = 0;   // of 16-bit images
  bool lossy_masks = false;  // some are stored with loss

  void Add(const SetFacts& other);
};

// Called after each item checked with (items checked, items in all), from one thread at a time; may
// be empty. Return false to stop (Cancelled).
using ScanProgress = std::function<bool(size_t done, size_t total)>;

// What decoding an image file takes: the file, and for each pixel the stored samples (16 bits of
// four channels at most). Of a file that does not begin with its header, such as many a TIFF, the
// most is assumed.
size_t DecodeBytes(const std::filesystem::path& path);

// Decodes every file of the items to its last pixel, on all cores, and fills in width and height.
// Memory is bounded: pictures that are decoded at the same time have about kDecodeBytes together,
// or there is one of them. A bad file does not stop it: files that are damaged, empty or not
// readable and masks of another size than their image become faults, in the order of the items.
// Masks are read by `labels` (ReadMask), which may be null. Further pages of a file are left out.
// Cancelled if `progress` says so, nothing else.
inline constexpr size_t kDecodeBytes = size_t{1} << 30;
absl::Status CheckItems(std::vector<FolderItem>& items, const LabelTable* labels,
                        const ScanProgress& progress, SetFacts& facts, LeftOutList& left_out,
                        FaultList& faults);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_DATA_ITEM_CHECK_H_
