#include "worker/data/mask_import.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <opencv2/core.hpp>
#include <string>
#include <utility>

#include "absl/strings/str_format.h"
#include "common/parallel.h"
#include "worker/data/image_decode.h"
#include "worker/data/image_file.h"
#include "worker/data/memory_gate.h"
#include "worker/dicom/dicom_frame.h"
#include "worker/dicom/element_walk.h"
#include "worker/dicom/segment_frame.h"

namespace alignflow {
namespace {

namespace fs = std::filesystem;

bool IsDicomMask(const FolderItem& item) { return !item.mask.empty() && !HasImageName(item.mask); }

absl::StatusOr<std::string> PngOfSegmentation(const fs::path& file) {
  const absl::StatusOr<std::string> bytes = ReadDicomBytes(file);
  if (!bytes.ok()) return bytes.status();
  const absl::StatusOr<ParsedDicom> dicom = ParseDicom(*bytes);
  if (!dicom.ok()) return dicom.status();
  try {
    const absl::StatusOr<cv::Mat> labels = LabelsOfPicture(*dicom);
    if (!labels.ok()) return labels.status();
    return EncodePng(*labels);
  } catch (const std::exception&) {
    return DamagedDicom("it cannot be decoded");
  }
}

}  // namespace

bool HoldSegmentations(const std::vector<FolderItem>& items) {
  return std::ranges::any_of(items, IsDicomMask);
}

absl::Status ConvertSegmentations(const ScratchFolder& scratch, std::vector<FolderItem>& items,
                                  FaultList& faults) {
  MemoryGate gate(kDecodeBytes);
  std::mutex mutex;
  absl::Status failed;
  std::map<size_t, Fault> found;  // in the order of the files
  ForEachOnAllCores(items.size(), [&](size_t i) {
    FolderItem& item = items[i];
    if (!IsDicomMask(item)) return true;
    const size_t bytes = DicomBytesInMemory(item.mask);
    gate.Enter(bytes);
    const absl::StatusOr<std::string> png = PngOfSegmentation(item.mask);
    gate.Leave(bytes);
    const fs::path made = scratch.path() / absl::StrFormat("s%07d.png", i);
    const absl::Status written =
        png.ok() ? scratch.Write(made.filename().string(), *png) : png.status();
    const std::scoped_lock lock(mutex);
    if (written.ok()) {
      item.mask_source = std::exchange(item.mask, made);
    } else if (png.ok()) {
      failed.Update(written);
    } else {
      found.emplace(i, FaultOf(written, item.mask, "masks that cannot be used"));
      item.mask.clear();  // not to be said again where masks are checked
    }
    return failed.ok();
  });
  for (auto& [i, fault] : found) faults.Add(std::move(fault));
  return failed;
}

}  // namespace alignflow
