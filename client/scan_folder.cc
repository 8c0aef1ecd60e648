#include "client/scan_folder.h"

#include <optional>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "client/upload.h"
#include "common/status_conversion.h"
#include "worker/data/folder_layout.h"
#include "worker/volumes/volume_folder.h"
#include "worker/volumes/volume_layout.h"

namespace alignflow {
namespace {

namespace fs = std::filesystem;

bool HasMasks(const fs::path& dir) {
  LeftOutList left_out(dir);
  FaultList faults(dir);
  return FindDatasetLayout(dir, left_out, faults).ok();
}

}  // namespace

absl::StatusOr<ScannedFolder> ScanFolder(Session& session, const fs::path& dir,
                                         const std::string& labels, const ImageOptions& options) {
  const auto import = ParseImageOptions(options);
  if (!import.ok()) return import.status();
  std::optional<LabelTable> table;
  if (!labels.empty()) {
    auto parsed = LabelTable::Parse(labels);
    if (!parsed.ok()) return Annotate(parsed.status(), "--labels");
    table = *std::move(parsed);
  }
  const bool masks = HoldsVolumes(dir) ? HoldsVolumeMasks(dir) : HasMasks(dir);
  if (table && !masks) {
    return absl::InvalidArgumentError(
        absl::StrCat("--labels: ", ShownPath(dir), " has no masks; leave it out"));
  }
  Counter counter(session.console);
  auto folder = masks ? ScanAnyDataset(dir, table, CountChecked(counter), *import)
                      : ScanAnyReferences(dir, CountChecked(counter), *import);
  counter.End();
  if (!folder.ok()) return folder.status();
  PrintFindings(*folder, session.console);
  return ScannedFolder{.folder = *std::move(folder), .masks = masks};
}

absl::Status MakeEmptyFolder(const fs::path& folder) {
  std::error_code error;
  if (fs::exists(folder, error) && !fs::is_empty(folder, error)) {
    return absl::FailedPreconditionError(
        absl::StrCat(ShownPath(folder), " is not empty: name a new folder"));
  }
  fs::create_directories(folder, error);
  if (!error) return absl::OkStatus();
  return absl::InternalError(
      absl::StrCat("cannot make the folder ", ShownPath(folder), ": ", error.message()));
}

absl::Status MakeDatasetFolder(const fs::path& folder, bool masks) {
  absl::Status made = MakeEmptyFolder(folder);
  if (made.ok()) made = MakeEmptyFolder(folder / "images");
  if (made.ok() && masks) made = MakeEmptyFolder(folder / "masks");
  return made;
}

}  // namespace alignflow
