#ifndef ALIGNFLOW_SERVER_BLOBS_BUCKET_NOTE_H_
#define ALIGNFLOW_SERVER_BLOBS_BUCKET_NOTE_H_

#include <filesystem>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace alignflow {

// Says in a state folder's blobs folder, as FOLDER/bucket, that the blobs are in a bucket: a line
// with the bucket, one with the name by which the bucket knows the state folder.
struct BucketNote {
  std::string bucket;  // s3://BUCKET/PREFIX
  std::string id;      // 32 hexadecimal digits, made by chance
};

// The file of a folder of blobs.
std::filesystem::path BucketNoteOf(const std::filesystem::path& folder);
// Nothing: there is none. FailedPrecondition for a note that can't be read.
absl::StatusOr<std::optional<BucketNote>> ReadBucketNote(const std::filesystem::path& file);
absl::Status WriteBucketNote(const std::filesystem::path& file, const BucketNote& note);

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_BLOBS_BUCKET_NOTE_H_
