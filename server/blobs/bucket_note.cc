#include "server/blobs/bucket_note.h"

#include <fstream>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "common/partial_file.h"

namespace alignflow {

std::filesystem::path BucketNoteOf(const std::filesystem::path& folder) {
  return folder / "bucket";
}

absl::StatusOr<std::optional<BucketNote>> ReadBucketNote(const std::filesystem::path& file) {
  std::error_code error;
  if (!std::filesystem::exists(file, error)) return std::nullopt;
  std::ifstream in(file);
  BucketNote note;
  if (std::getline(in, note.bucket) && std::getline(in, note.id) && !note.id.empty()) return note;
  return absl::FailedPreconditionError(absl::StrCat(
      file.string(), ": does not say which bucket the blobs are in; restore it from a backup"));
}

absl::Status WriteBucketNote(const std::filesystem::path& file, const BucketNote& note) {
  PartialFile made(file);
  absl::Status status = made.Append(absl::StrCat(note.bucket, "\n", note.id, "\n"));
  if (status.ok()) status = made.Sync();
  return status.ok() ? made.Rename() : status;
}

}  // namespace alignflow
