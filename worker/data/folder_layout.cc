#include "worker/data/folder_layout.h"

#include <algorithm>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "worker/data/file_listing.h"
#include "worker/data/folder_names.h"
#include "worker/data/image_file.h"
#include "worker/data/stem_match.h"

namespace alignflow {
namespace {

namespace fs = std::filesystem;

constexpr char kExpected[] =
    "afctl reads DIR/images and DIR/masks, with a mask of the same name for each image "
    "(images/a.jpg, masks/a.png)";

// What lies directly in DIR.
struct Contents {
  struct Folder {
    fs::path path;
    size_t images = 0;  // at any depth
  };
  std::vector<Folder> folders;   // sorted
  std::vector<fs::path> files;   // sorted; not hidden
  size_t images = 0;             // among `files`
  std::vector<fs::path> hidden;  // files and folders
};

std::string CountedFiles(size_t count) {
  return absl::StrCat(count, count == kMostCounted ? " images or more"
                             : count == 1          ? " image"
                                                   : " images");
}

absl::Status Refuse(const fs::path& dir, std::string_view reason, std::string_view remedy) {
  return absl::InvalidArgumentError(
      absl::StrCat(ShownPath(dir), ": ", std::string(reason), "; ", std::string(remedy)));
}

absl::StatusOr<Contents> Look(const fs::path& dir) {
  std::error_code error;
  const fs::file_status status = fs::status(dir, error);
  if (status.type() == fs::file_type::not_found) {
    return absl::NotFoundError(absl::StrCat(ShownPath(dir), ": no such folder; check the path"));
  }
  if (!error && status.type() != fs::file_type::directory) {
    return Refuse(dir, "is a file, and a folder is needed", kExpected);
  }
  Contents contents;
  std::vector<fs::path> entries;
  if (!error) {
    for (fs::directory_iterator it(dir, error), end; !error && it != end; it.increment(error)) {
      entries.push_back(it->path());
    }
  }
  if (!error) error = EnterError(dir);
  if (error) {
    const AccessFault access = ExplainAccess(dir, error);
    const bool permission = error == std::errc::permission_denied;
    return absl::Status(
        permission ? absl::StatusCode::kPermissionDenied : absl::StatusCode::kInvalidArgument,
        absl::StrCat(ShownPath(dir), ": ", access.reason, "; ", access.remedy));
  }
  std::ranges::sort(entries);
  for (const fs::path& path : entries) {
    if (IsHidden(path)) {
      contents.hidden.push_back(path);
    } else if (fs::is_directory(path, error)) {
      contents.folders.push_back({path, CountImagesBelow(path)});
    } else {
      contents.files.push_back(path);
      contents.images += HoldsImage(path);
    }
  }
  return contents;
}

// The folders that could play a role, of the greatest sureness that there is. A folder with images
// comes before one without, whatever its name.
std::vector<fs::path> Candidates(const Contents& contents, FolderRole role) {
  for (const bool filled : {true, false}) {
    for (const Sureness wanted : {Sureness::kExact, Sureness::kKnown, Sureness::kEnding}) {
      std::vector<fs::path> found;
      for (const auto& folder : contents.folders) {
        if ((folder.images > 0) == filled && SurenessOf(folder.path, role) == wanted) {
          found.push_back(folder.path);
        }
      }
      if (!found.empty()) return found;
    }
  }
  return {};
}

// The folder of a role, empty if there is none; refused where two could be meant.
absl::StatusOr<fs::path> Pick(const fs::path& dir, const Contents& contents, FolderRole role) {
  const std::vector<fs::path> candidates = Candidates(contents, role);
  if (candidates.empty()) return fs::path();
  if (candidates.size() == 1) return candidates.front();
  std::vector<std::string> names;
  for (const fs::path& path : candidates) names.push_back(ShownPath(path, dir) + "/");
  return Refuse(
      dir,
      absl::StrCat("each of ", FirstTen(names, names.size()), " could be the ", RoleName(role)),
      absl::StrCat("name the right one ", RoleName(role),
                   " and move the others out, or push each part from a folder of its "
                   "own"));
}

// "train/ (12 images), notes.txt".
std::string Seen(const fs::path& dir, const Contents& contents) {
  std::vector<std::string> seen;
  if (contents.images > 0) seen.push_back(CountedFiles(contents.images));
  for (const auto& folder : contents.folders) {
    seen.push_back(
        absl::StrCat(ShownPath(folder.path, dir), "/ (", CountedFiles(folder.images), ")"));
  }
  for (const fs::path& file : contents.files) {
    if (!HoldsImage(file)) seen.push_back(ShownPath(file, dir));
  }
  return seen.empty() ? "it is empty" : "it holds " + FirstTen(seen, seen.size());
}

// Whether a folder by itself could be pushed.
bool LooksLikeDataset(const fs::path& folder) {
  const absl::StatusOr<Contents> contents = Look(folder);
  return contents.ok() && !Candidates(*contents, FolderRole::kImages).empty() &&
         !Candidates(*contents, FolderRole::kMasks).empty();
}

// Where nothing was recognised: the remedy that fits what is there.
std::string Remedy(const fs::path& dir, const Contents& contents) {
  for (const auto& folder : contents.folders) {
    if (folder.images == 0 || !LooksLikeDataset(folder.path)) continue;
    return absl::StrCat("push each part by itself, such as: afctl dataset push NAME ",
                        ShownPath(folder.path));
  }
  const fs::path above = fs::weakly_canonical(dir).parent_path();
  if (contents.images > 0 &&
      SurenessOf(fs::weakly_canonical(dir), FolderRole::kImages) != Sureness::kNone &&
      LooksLikeDataset(above)) {
    return absl::StrCat("give the folder above, which holds the masks, too: ", ShownPath(above));
  }
  return kExpected;
}

// Everything of DIR that the layout does not read.
void TellTheRest(const fs::path& dir, const Contents& contents, const FolderLayout& layout,
                 LeftOutList& left_out, FaultList& faults) {
  for (const auto& folder : contents.folders) {
    if (folder.path == layout.images || folder.path == layout.masks) continue;
    if (folder.images == 0) {
      left_out.Add(folder.path, kNoImages);
      continue;
    }
    const bool references = layout.masks.empty();
    if (references && SurenessOf(folder.path, FolderRole::kMasks) != Sureness::kNone) continue;
    const bool apart = !references && layout.masks != layout.images;
    faults.Add(
        {.kind = "folders that hold images and would be left out",
         .remedy = references ? "give that folder as --references, or move the images that "
                                "are meant into one folder"
                              : "move what is not meant out of the folder, or push it as a "
                                "dataset of its own (afctl dataset push NAME DIR)",
         .path = folder.path,
         .reason = absl::StrCat("holds ", CountedFiles(folder.images), ", but only ",
                                ShownPath(layout.images, dir), "/ is read",
                                apart ? " with " + ShownPath(layout.masks, dir) + "/" : "")});
  }
  if (layout.images == dir) return;  // its files are listed later
  for (const fs::path& file : contents.files) {
    if (!IsItemTable(file, dir))
      left_out.Add(file, absl::StrCat("beside ", ShownPath(layout.images, dir), "/"));
  }
  for (const fs::path& path : contents.hidden) left_out.Add(path, kHidden);
}

bool HasMarkedMasks(const fs::path& folder) {
  std::vector<std::string> stems;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    const fs::path& path = it->path();
    if (!IsHidden(path) && HoldsImage(path)) stems.push_back(StemOf(path));
  }
  return FindMarkedMasks(stems).has_value();
}

// The folder of images. Images that lie in DIR say more than a folder without any, or one whose
// name merely ends like "images".
absl::StatusOr<fs::path> PickImages(const fs::path& dir, const Contents& contents) {
  absl::StatusOr<fs::path> images = Pick(dir, contents, FolderRole::kImages);
  if (!images.ok() || contents.images == 0) return images;
  const bool sure = !images->empty() &&
                    SurenessOf(*images, FolderRole::kImages) != Sureness::kEnding &&
                    CountImagesBelow(*images) > 0;
  return sure ? *images : dir;
}

std::string Note(const fs::path& dir, const FolderLayout& layout) {
  const auto name = [&dir](const fs::path& folder) {
    return folder == dir ? "the folder itself" : ShownPath(folder, dir) + "/";
  };
  if (layout.images == dir / "images" && (layout.masks.empty() || layout.masks == dir / "masks")) {
    return "";
  }
  if (layout.masks.empty()) {
    return layout.images == dir ? "" : absl::StrCat("images are read from ", name(layout.images));
  }
  if (layout.images == layout.masks) {
    return absl::StrCat("images and masks are read from one folder",
                        layout.images == dir ? "" : ", " + name(layout.images));
  }
  return absl::StrCat("images are read from ", name(layout.images), ", masks from ",
                      name(layout.masks));
}

}  // namespace

absl::StatusOr<FolderLayout> FindDatasetLayout(const fs::path& dir, LeftOutList& left_out,
                                               FaultList& faults) {
  absl::StatusOr<Contents> contents = Look(dir);
  if (!contents.ok()) return contents.status();
  absl::StatusOr<fs::path> images = PickImages(dir, *contents);
  if (!images.ok()) return images.status();
  absl::StatusOr<fs::path> masks = Pick(dir, *contents, FolderRole::kMasks);
  if (!masks.ok()) return masks.status();
  FolderLayout layout{.images = *images, .masks = *masks, .note = ""};
  if (layout.images.empty()) {
    return Refuse(dir, "no folder of images was found: " + Seen(dir, *contents),
                  Remedy(dir, *contents));
  }
  if (masks->empty()) {
    if (!HasMarkedMasks(layout.images)) {
      return Refuse(dir, "no folder of masks was found: " + Seen(dir, *contents),
                    Remedy(dir, *contents));
    }
    layout.masks = layout.images;
  }
  layout.note = Note(dir, layout);
  TellTheRest(dir, *contents, layout, left_out, faults);
  return layout;
}

absl::StatusOr<FolderLayout> FindReferenceLayout(const fs::path& dir, LeftOutList& left_out,
                                                 FaultList& faults) {
  absl::StatusOr<Contents> contents = Look(dir);
  if (!contents.ok()) return contents.status();
  absl::StatusOr<fs::path> images = PickImages(dir, *contents);
  if (!images.ok()) return images.status();
  FolderLayout layout{.images = images->empty() ? dir : *images, .masks = {}, .note = ""};
  layout.note = Note(dir, layout);
  for (const auto& folder : contents->folders) {
    if (folder.images == 0 || SurenessOf(folder.path, FolderRole::kMasks) == Sureness::kNone)
      continue;
    absl::StrAppend(&layout.note, layout.note.empty() ? "" : "; ", ShownPath(folder.path, dir),
                    "/ is passed over: of references, only the images are read");
  }
  TellTheRest(dir, *contents, layout, left_out, faults);
  return layout;
}

}  // namespace alignflow
