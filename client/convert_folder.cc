#include "client/convert_folder.h"

#include <mutex>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "client/output_file.h"
#include "client/upload.h"
#include "common/counted.h"
#include "common/parallel.h"
#include "worker/data/image_file.h"
#include "worker/data/item_table.h"
#include "worker/volumes/volume_file.h"

namespace alignflow {
namespace {

namespace fs = std::filesystem;

// The bytes as they are: what is sent is what is written.
absl::Status Copy(const fs::path& from, const fs::path& folder, const std::string& name) {
  const auto bytes = ReadImageFile(from);
  if (!bytes.ok()) return bytes.status();
  const std::string ending =
      HasVolumeName(from) ? ".nii.gz" : absl::AsciiStrToLower(from.extension().string());
  return WriteInFolder(folder / (name + ending), *bytes);
}

std::string Cell(const std::string& text) {
  return absl::StrCat("\"", absl::StrReplaceAll(text, {{"\"", "\"\""}}), "\"");
}

std::string TextOf(const ItemTable& table, const ImageFolder& folder) {
  std::string text = absl::StrCat("name,", table.what, "\n");
  for (const FolderItem& item : folder.items) {
    absl::StrAppend(&text, Cell(item.name), ",", Cell(item.*table.value), "\n");
  }
  return text;
}

}  // namespace

absl::StatusOr<Result> ConvertFolder(Session& session, const ScannedFolder& scanned,
                                     const fs::path& out) {
  const ImageFolder& folder = scanned.folder;
  const absl::Status made = MakeDatasetFolder(out, scanned.masks);
  if (!made.ok()) return made;
  Counter counter(session.console);
  std::mutex mutex;
  absl::Status result;
  size_t done = 0;
  ForEachOnAllCores(folder.items.size(), [&](size_t i) {
    const FolderItem& item = folder.items[i];
    absl::Status copied = Copy(item.image, out / "images", item.name);
    if (copied.ok() && scanned.masks) copied = Copy(item.mask, out / "masks", item.name);
    const std::scoped_lock lock(mutex);
    result.Update(copied);
    ++done;
    counter.Show(absl::StrCat("writing ", done, "/", folder.items.size()),
                 done == folder.items.size());
    return result.ok();
  });
  counter.End();
  if (!result.ok()) return result;
  for (const ItemTable* table : ItemTables()) {
    if ((folder.items.front().*table->value).empty()) continue;
    absl::Status written = WriteInFolder(out / table->file, TextOf(*table, folder));
    if (!written.ok()) return written;
  }
  Result written{.document = {{"out", out.string()},
                              {"images", folder.items.size()},
                              {"masks", scanned.masks},
                              {"items", Json::array()}},
                 .text = absl::StrCat("wrote ", Counted(folder.items.size(), "image"),
                                      scanned.masks ? " and their masks" : "", " to ", out.string(),
                                      ": what `afctl dataset push` would send of them\n")};
  for (const FolderItem& item : folder.items) {
    Json line{{"name", item.name}, {"file", ShownPath(item.GivenImage())}};
    if (!item.image_source.empty()) line["frame"] = item.frame + 1;
    written.document["items"].push_back(std::move(line));
  }
  return written;
}

}  // namespace alignflow
