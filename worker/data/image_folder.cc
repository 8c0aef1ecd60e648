#include "worker/data/image_folder.h"

#include <algorithm>
#include <fstream>
#include <map>
#include <set>
#include <system_error>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/data/image_probe.h"
#include "common/data/manifest.h"
#include "worker/data/image_decode.h"

namespace alignflow {
namespace {

namespace fs = std::filesystem;
using FilesByStem = std::map<std::string, fs::path>;

absl::Status Bad(const fs::path& path, std::string_view reason, std::string_view remedy) {
  return absl::InvalidArgumentError(absl::StrFormat("%s: %s; %s", path.string(), reason, remedy));
}

bool HasImageExtension(const fs::path& path) {
  static const std::set<std::string> kExtensions = {".png", ".jpg", ".jpeg",
                                                    ".bmp", ".tif", ".tiff"};
  return kExtensions.contains(absl::AsciiStrToLower(path.extension().string()));
}

// Whether the file, links resolved, is a regular file inside of `root`.
absl::Status CheckInside(const fs::path& path, const fs::path& root) {
  std::error_code error;
  const fs::path real = fs::canonical(path, error);
  if (error) return Bad(path, "the link leads nowhere", "remove it");
  const fs::path real_root = fs::canonical(root, error);
  const auto [end, ignored] =
      std::mismatch(real_root.begin(), real_root.end(), real.begin(), real.end());
  if (error || end != real_root.end()) {
    return Bad(path, "the link leads out of the folder", "copy the file into the folder instead");
  }
  if (!fs::is_regular_file(real, error)) return Bad(path, "not a regular file", "remove it");
  return absl::OkStatus();
}

// The image files of one folder by stem. `root` is what links may not leave.
absl::StatusOr<FilesByStem> ListImages(const fs::path& folder, const fs::path& root,
                                       std::vector<std::string>& warnings) {
  FilesByStem files;
  size_t passed_over = 0;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    const fs::path& path = it->path();
    if (!HasImageExtension(path) || path.filename().string().front() == '.') {
      std::error_code ignored;
      passed_over += !it->is_directory(ignored);
      continue;
    }
    const std::string stem = path.stem().string();
    if (absl::Status s = CheckItemName(stem); !s.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat(folder.string(), ": ", std::string(s.message())));
    }
    if (absl::Status s = CheckInside(path, root); !s.ok()) return s;
    const auto [other, added] = files.emplace(stem, path);
    if (!added) {
      return Bad(std::max(path, other->second),
                 "has the same stem as " + std::min(path, other->second).filename().string(),
                 "rename or remove one of them");
    }
  }
  if (error)
    return absl::PermissionDeniedError(absl::StrCat(folder.string(), ": ", error.message()));
  if (passed_over > 0) {
    warnings.push_back(absl::StrFormat("%s: %d file%s not an image and passed over",
                                       folder.string(), passed_over,
                                       passed_over == 1 ? " is" : "s are"));
  }
  if (files.empty()) {
    return Bad(folder, "holds no images", "put .png, .jpg, .bmp or .tif files there");
  }
  if (files.size() > kMaxManifestItems) {
    return Bad(folder, "holds more than 1,000,000 images", "split the dataset");
  }
  return files;
}

absl::Status CheckFolder(const fs::path& dir) {
  std::error_code error;
  if (fs::is_directory(dir, error)) return absl::OkStatus();
  return absl::NotFoundError(absl::StrFormat("%s: no such folder; check the path", dir.string()));
}

absl::Status CheckPairs(const FilesByStem& images, const FilesByStem& masks, const fs::path& dir) {
  for (const auto& [stem, path] : images) {
    if (masks.contains(stem)) continue;
    return Bad(path, "has no mask",
               absl::StrCat("add ", (dir / "masks" / stem).string(), ".png, or remove the image"));
  }
  for (const auto& [stem, path] : masks) {
    if (images.contains(stem)) continue;
    return Bad(path, "has no image", "add the image of that name to images/, or remove the mask");
  }
  return absl::OkStatus();
}

absl::StatusOr<cv::Mat> ReadDecoded(const fs::path& path, bool mask) {
  const absl::StatusOr<std::string> bytes = ReadImageFile(path);
  if (!bytes.ok()) return bytes.status();
  return mask ? DecodeMask(*bytes, path.string()) : DecodeImage(*bytes, path.string());
}

// Fills width and height of `item`; `values` counts its mask's pixels.
absl::Status CheckItem(FolderItem& item, MaskHistogram& values) {
  const absl::StatusOr<cv::Mat> image = ReadDecoded(item.image, /*mask=*/false);
  if (!image.ok()) return image.status();
  item.width = image->cols;
  item.height = image->rows;
  if (item.mask.empty()) return absl::OkStatus();
  const absl::StatusOr<cv::Mat> mask = ReadDecoded(item.mask, /*mask=*/true);
  if (!mask.ok()) return mask.status();
  if (mask->size() != image->size()) {
    return Bad(item.mask,
               absl::StrFormat("the mask has %dx%d pixels, its image %dx%d", mask->cols, mask->rows,
                               image->cols, image->rows),
               "bring both to the same size (nearest neighbour for masks)");
  }
  for (int row = 0; row < mask->rows; ++row) {
    AddToHistogram({mask->ptr(row), static_cast<size_t>(mask->cols)}, values);
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::string> ReadImageFile(const fs::path& path) {
  std::error_code error;
  const auto size = fs::file_size(path, error);
  if (error) return absl::PermissionDeniedError(absl::StrCat(path.string(), ": ", error.message()));
  if (size > static_cast<uintmax_t>(kMaxImageFileBytes)) {
    return Bad(path, absl::StrFormat("the file has %d bytes, the limit is 256 MiB", size),
               "store it compressed, or leave it out");
  }
  std::string bytes(size, '\0');
  std::ifstream file(path, std::ios::binary);
  if (!file.read(bytes.data(), static_cast<std::streamsize>(size))) {
    return absl::PermissionDeniedError(
        absl::StrFormat("%s: cannot be read; check its permissions", path.string()));
  }
  return bytes;
}

absl::StatusOr<ImageFolder> ScanDataset(const fs::path& dir,
                                        const std::optional<LabelTable>& labels,
                                        const ScanProgress& progress) {
  ImageFolder folder;
  for (const fs::path& needed : {dir, dir / "images", dir / "masks"}) {
    if (absl::Status s = CheckFolder(needed); !s.ok()) return s;
  }
  const auto images = ListImages(dir / "images", dir, folder.warnings);
  if (!images.ok()) return images.status();
  const auto masks = ListImages(dir / "masks", dir, folder.warnings);
  if (!masks.ok()) return masks.status();
  if (absl::Status s = CheckPairs(*images, *masks, dir); !s.ok()) return s;

  MaskHistogram all{};
  for (const auto& [stem, image] : *images) {
    FolderItem item{stem, image, masks->at(stem), 0, 0};
    MaskHistogram values{};
    if (absl::Status s = CheckItem(item, values); !s.ok()) return s;
    if (labels) {
      if (absl::Status s = labels->CheckHistogram(values, item.mask.string()); !s.ok()) return s;
    }
    for (size_t value = 0; value < all.size(); ++value) all[value] += values[value];
    folder.items.push_back(std::move(item));
    if (progress && !progress(folder.items.size(), images->size())) {
      return absl::CancelledError("stopped while checking the images");
    }
  }
  if (labels) {
    folder.labels = *labels;
    return folder;
  }
  absl::StatusOr<LabelTable> inferred = LabelTable::Infer(all);
  if (!inferred.ok())
    return Bad(dir / "masks", std::string(inferred.status().message()), "see --labels");
  folder.labels = *std::move(inferred);
  folder.warnings.push_back(absl::StrFormat(
      "no label table was given; the masks' values were read as %s", folder.labels.ToString()));
  return folder;
}

absl::StatusOr<ImageFolder> ScanReferences(const fs::path& dir, const ScanProgress& progress) {
  ImageFolder folder;
  if (absl::Status s = CheckFolder(dir); !s.ok()) return s;
  std::error_code error;
  const bool nested = fs::is_directory(dir / "images", error);
  const auto images = ListImages(nested ? dir / "images" : dir, dir, folder.warnings);
  if (!images.ok()) return images.status();
  for (const auto& [stem, image] : *images) {
    FolderItem item{stem, image, {}, 0, 0};
    MaskHistogram none{};
    if (absl::Status s = CheckItem(item, none); !s.ok()) return s;
    folder.items.push_back(std::move(item));
    if (progress && !progress(folder.items.size(), images->size())) {
      return absl::CancelledError("stopped while checking the images");
    }
  }
  if (folder.items.size() == 1) {
    folder.warnings.push_back(
        "there is a single reference image: the result may be biased to it; the paper uses 10");
  }
  return folder;
}

}  // namespace alignflow
