#ifndef ALIGNFLOW_SERVER_STATE_BACKUP_H_
#define ALIGNFLOW_SERVER_STATE_BACKUP_H_

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/objects/bucket_options.h"

// Copies of a state folder, and what is wrong with one. Errors name the file and the remedy.
namespace alignflow {

struct CopiedState {
  int64_t blobs = 0;    // that the copy has
  int64_t copied = 0;   // the others were there already
  int64_t missing = 0;  // that the catalog refers to and that were lost or damaged before
};

// Copies a state folder, whose coordinator may be at work, to another folder: the catalog as it is
// at one moment, and every blob that it refers to, each checked against its digest. A copy that is
// there already is brought up to date, and costs what is new. It has its blobs in itself, also of a
// state whose blobs are in a bucket. FailedPrecondition for a folder that is no state folder, whose
// blobs are elsewhere or whose catalog is in a database (with what to do instead),
// ResourceExhausted for a full disk.
absl::StatusOr<CopiedState> BackUpState(const std::filesystem::path& state,
                                        const std::filesystem::path& backup,
                                        const BucketOptions& bucket = {});

// Makes a state folder from a copy. FailedPrecondition if `state` is there and not empty.
absl::StatusOr<CopiedState> RestoreState(const std::filesystem::path& backup,
                                         const std::filesystem::path& state);

struct StateProblems {
  int64_t blobs = 0;                    // that the catalog refers to
  std::vector<std::string> of_catalog;  // what SQLite has found
  std::vector<std::string> lost;        // digests
  std::vector<std::string> damaged;
  bool any() const { return !of_catalog.empty() || !lost.empty() || !damaged.empty(); }
};

// Looks at the whole catalog and at every byte of every blob that it refers to. Changes nothing.
// A database's pages are its server's to check.
absl::StatusOr<StateProblems> CheckState(const std::filesystem::path& state,
                                         const BucketOptions& bucket = {});

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_STATE_BACKUP_H_
