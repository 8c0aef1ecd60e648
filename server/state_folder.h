#ifndef ALIGNFLOW_SERVER_STATE_FOLDER_H_
#define ALIGNFLOW_SERVER_STATE_FOLDER_H_

#include <cstdint>
#include <filesystem>
#include <memory>

#include "absl/status/statusor.h"
#include "server/blobs/blob_stream.h"

namespace alignflow {

// The file in a state folder that what is kept of access keys depends on (access/access_keys.h).
std::filesystem::path SecretFileOf(const std::filesystem::path& state);
// The file in a state folder that says where its coordinator listens (probe_command.h).
std::filesystem::path ListeningFileOf(const std::filesystem::path& state);
// The file in a state folder that says in which database its catalog is (catalog_location.h).
std::filesystem::path CatalogLocationFileOf(const std::filesystem::path& state);

// The folder that everything is kept in. What is in it belongs to its
// owner: images of patients are nobody else's business. Thread-safe.
class StateFolder {
 public:
  // Whether others may have it beside this process: who has the catalog is settled elsewhere then.
  enum class Sharing { kAlone, kShared };
  // Makes the folder if it is not there, locks it, and takes the rights of group and others away
  // from it and from the folders and files in it (blobs have none from the beginning).
  // FailedPrecondition, with the remedy, if another coordinator has it (unless both share it) or it
  // can't be written.
  static absl::StatusOr<std::unique_ptr<StateFolder>> Take(const std::filesystem::path& folder,
                                                           Sharing sharing = Sharing::kAlone);

  std::filesystem::path blobs() const { return folder_ / "blobs"; }
  std::filesystem::path catalog() const { return folder_ / "catalog.sqlite"; }
  std::filesystem::path secret() const { return SecretFileOf(folder_); }
  // The access key of the workers that the coordinator starts itself.
  std::filesystem::path worker_key() const { return folder_ / "worker-key"; }
  std::filesystem::path listening() const { return ListeningFileOf(folder_); }

  // Bytes that its disk has left for this user.
  int64_t FreeBytes() const;
  // Bytes that its disk has in all.
  int64_t DiskBytes() const;
  // Of the catalog's files.
  int64_t CatalogBytes() const;

 private:
  StateFolder(std::filesystem::path folder, FileHandle lock)
      : folder_(std::move(folder)), lock_(std::move(lock)) {}

  const std::filesystem::path folder_;
  const FileHandle lock_;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_STATE_FOLDER_H_
