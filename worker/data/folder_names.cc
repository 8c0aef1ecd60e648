#include "worker/data/folder_names.h"

#include <algorithm>
#include <set>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/strip.h"

namespace alignflow {
namespace {

namespace fs = std::filesystem;

// Lower-case letters and digits alone, without a format at the end: "Masks_PNG" is "masks".
std::string PlainName(const fs::path& folder) {
  std::string name;
  for (const char c : folder.filename().string()) {
    if (absl::ascii_isalnum(static_cast<unsigned char>(c))) name += absl::ascii_tolower(c);
  }
  for (const char* format : {"png", "jpg", "jpeg", "bmp", "tiff", "tif"}) {
    if (name.size() > std::string(format).size() && absl::EndsWith(name, format)) {
      return std::string(absl::StripSuffix(name, format));
    }
  }
  return name;
}

// Plain names of a role.
const std::set<std::string>& KnownNames(FolderRole role) {
  static const auto* const kImages = new std::set<std::string>(
      {"images", "image", "img", "imgs", "original", "originals", "photo", "photos", "picture",
       "pictures", "frames", "input", "inputs", "jpegimages", "rgb"});
  static const auto* const kMasks = new std::set<std::string>(
      {"masks", "mask", "label", "labels", "annotation", "annotations", "groundtruth",
       "groundtruths", "gt", "gts", "seg", "segs", "segmentation", "segmentations", "manual",
       "manual1", "1stmanual", "segmentationclass"});
  return role == FolderRole::kImages ? *kImages : *kMasks;
}

}  // namespace

const char* RoleName(FolderRole role) { return role == FolderRole::kImages ? "images" : "masks"; }

Sureness SurenessOf(const fs::path& folder, FolderRole role) {
  if (folder.filename() == RoleName(role)) return Sureness::kExact;
  const std::string name = PlainName(folder);
  if (KnownNames(role).contains(name)) return Sureness::kKnown;
  const bool ending = std::ranges::any_of(KnownNames(role), [&](const auto& known) {
    return known.size() >= 4 && name.ends_with(known);
  });
  return ending ? Sureness::kEnding : Sureness::kNone;
}

}  // namespace alignflow
