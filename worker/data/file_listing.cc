#include "worker/data/file_listing.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <set>
#include <string>
#include <system_error>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/counted.h"
#include "common/data/manifest.h"
#include "worker/data/image_file.h"

namespace alignflow {
namespace {

namespace fs = std::filesystem;

constexpr char kAccessKind[] = "files and folders that cannot be read";
constexpr char kLinkKind[] = "links that cannot be followed";

void AddAccessFault(const fs::path& path, const std::error_code& error, FaultList& faults) {
  AccessFault access = ExplainAccess(path, error);
  faults.Add({.kind = kAccessKind,
              .remedy = std::move(access.remedy),
              .path = path,
              .reason = std::move(access.reason),
              .permission = error == std::errc::permission_denied});
}

// Whether the file begins as one of the formats that are read does.
bool BeginsLikeAnImage(const fs::path& path) {
  std::string start(8, '\0');
  std::ifstream file(path, std::ios::binary);
  file.read(start.data(), static_cast<std::streamsize>(start.size()));
  using namespace std::string_literals;
  return std::ranges::any_of(std::array{"\x89PNG\r\n\x1a\n"s, "\xff\xd8\xff"s, "II*\0"s, "MM\0*"s},
                             [&](const auto& signature) { return start.starts_with(signature); });
}

// All entries of a folder, sorted by name; those there are where reading it fails midway.
std::vector<fs::path> SortedEntries(const fs::path& folder, std::error_code& error) {
  std::vector<fs::path> entries;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    entries.push_back(it->path());
  }
  std::ranges::sort(entries);
  return entries;
}

// A folder inside of a folder of images.
void AddFolder(const fs::path& path, LeftOutList& left_out, FaultList& faults) {
  const size_t images = CountImagesBelow(path);
  if (images == 0) return left_out.Add(path, kNoImages);
  faults.Add(
      {.kind = "folders inside that hold images and would be left out",
       .remedy = "folders inside are not entered: move the files up, each name once, or "
                 "push each part as a dataset of its own (afctl dataset push NAME DIR, with "
                 "DIR/images and DIR/masks)",
       .path = path,
       .reason = absl::StrCat("holds ", Counted(images, "image"), " and would be left out")});
}

}  // namespace

bool IsHidden(const fs::path& path) {
  static const auto* const kSystem = new std::set<std::string>(
      {"thumbs.db", "desktop.ini", "@eadir", "__macosx", "$recycle.bin", "lost+found"});
  const std::string name = path.filename().string();
  return name.starts_with('.') || kSystem->contains(absl::AsciiStrToLower(name));
}

std::string WhyNotRead(const fs::path& path) {
  struct Kind {
    std::set<std::string> extensions;
    const char* words;
  };
  static const auto* const kKinds = new std::vector<Kind>{
      {{".nii", ".nrrd"}, "a volume among pictures: a dataset is of pictures or of volumes"},
      {{".mha", ".mhd", ".nhdr", ".mgz"},
       "volumes of this format are not read: export them as .nii.gz"},
      {{".gif", ".webp", ".heic", ".heif", ".avif", ".jp2", ".j2k", ".jxl", ".svg", ".psd", ".exr",
        ".ppm", ".pgm", ".tga", ".svs", ".ndpi", ".czi", ".vsi"},
       "an image format that is not read: export it as PNG"},
      {{".npy", ".npz", ".mat", ".h5", ".hdf5", ".pkl", ".pt", ".parquet", ".tfrecord"},
       "arrays are not read: export them as PNG"},
      {{".mp4", ".avi", ".mov", ".mkv", ".mpg", ".wmv"},
       "videos are not read: export their frames as PNG"},
      {{".zip", ".tar", ".tgz", ".gz", ".7z", ".rar"}, "an archive is not opened: unpack it"},
      {{".json", ".xml", ".csv", ".txt", ".yaml", ".yml", ".xlsx", ".md", ".pdf"},
       "text and tables are no images"}};
  const fs::path name = absl::AsciiStrToLower(path.filename().string());
  if (name == "dicomdir") return "a list of DICOM files, and no image";
  // "scan.nii.gz" is a volume first.
  const bool packed = name.extension() == ".gz" && name.stem().extension() == ".nii";
  const std::string extension = packed ? ".nii" : name.extension().string();
  for (const Kind& kind : *kKinds) {
    if (kind.extensions.contains(extension)) return kind.words;
  }
  if (BeginsLikeAnImage(path)) {
    return absl::StrCat("images by their content, but their names do not end in ", kImageNames,
                        ": rename them");
  }
  return absl::StrCat("not images: their names do not end in ", kImageNames);
}

size_t CountImagesBelow(const fs::path& folder) {
  size_t count = 0, seen = 0;
  std::error_code error;
  const auto options = fs::directory_options::skip_permission_denied;
  for (fs::recursive_directory_iterator it(folder, options, error), end; !error && it != end;
       it.increment(error)) {
    if (++seen > kMostCounted) break;
    std::error_code ignored;
    if (IsHidden(it->path())) {
      it.disable_recursion_pending();
    } else {
      count += !it->is_directory(ignored) && HoldsImage(it->path());
    }
  }
  return count;
}

bool CheckInside(const fs::path& path, const fs::path& root, FaultList& faults) {
  std::error_code error;
  const fs::path real = fs::canonical(path, error);
  if (error) {
    AddAccessFault(path, error, faults);
    return false;
  }
  const fs::path real_root = fs::canonical(root, error);
  const auto [end, ignored] =
      std::mismatch(real_root.begin(), real_root.end(), real.begin(), real.end());
  if (!error && end == real_root.end()) return true;
  faults.Add({.kind = kLinkKind,
              .remedy = "copy what they lead to into the folder instead",
              .path = path,
              .reason = "the link leads out of the folder"});
  return false;
}

bool IsItemTable(const fs::path& file, const fs::path& dir) {
  return file == dir / kGroupsFile || file == dir / kClassesFile;
}

std::vector<fs::path> ListImages(const fs::path& folder, const fs::path& root,
                                 LeftOutList& left_out, FaultList& faults) {
  std::vector<fs::path> images;
  if (!CheckInside(folder, root, faults)) return images;
  std::error_code error;
  const std::vector<fs::path> entries = SortedEntries(folder, error);
  // Names can be listed in a folder whose files can't be opened: one fault, not one a file.
  if (!error) error = EnterError(folder);
  if (error) {
    AddAccessFault(folder, error, faults);
    return images;
  }
  for (const fs::path& path : entries) {
    std::error_code ignored;
    if (IsHidden(path)) {
      left_out.Add(path, kHidden);
    } else if (fs::is_directory(path, ignored)) {
      if (folder != root) AddFolder(path, left_out, faults);
    } else if (IsItemTable(path, root)) {
      continue;
    } else if (!HoldsImage(path)) {
      left_out.Add(path, WhyNotRead(path));
    } else if (const absl::Status name = CheckItemName(StemOf(path)); !name.ok()) {
      const std::string text(name.message());
      faults.Add({.kind = "names that cannot be kept",
                  .remedy = "rename, and try again",
                  .path = path,
                  .reason = text.substr(0, text.rfind("; rename it"))});
    } else if (!fs::is_symlink(path, ignored) || CheckInside(path, root, faults)) {
      if (fs::is_regular_file(path, ignored)) {
        images.push_back(path);
      } else {
        faults.Add({.kind = kLinkKind,
                    .remedy = "remove it",
                    .path = path,
                    .reason = "is no regular file but a pipe or a device"});
      }
    }
  }
  return images;
}

}  // namespace alignflow
