#ifndef ALIGNFLOW_SERVER_BLOBS_BLOB_OWNERS_H_
#define ALIGNFLOW_SERVER_BLOBS_BLOB_OWNERS_H_

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_set.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "server/blobs/blob_stream.h"

namespace alignflow {

// For whom a blob is written, or looked for, before anything in the catalog refers to it: a
// client's upload, or the lease of a task.
struct BlobOwner {
  std::string upload;  // its id; empty: a lease
  std::string task_key;
  int64_t attempt = 0;

  static BlobOwner Upload(std::string id) {
    return {.upload = std::move(id), .task_key = {}, .attempt = 0};
  }
  static BlobOwner Lease(std::string task_key, int64_t attempt) {
    return {.upload = {}, .task_key = std::move(task_key), .attempt = attempt};
  }
  auto operator<=>(const BlobOwner&) const = default;
};

// What owners pin. A pinned blob is kept for as long as its owner lives, however old it is; whether
// an owner lives is for others to say. A file an owner, FOLDER/upload-ID or FOLDER/lease-KEY-N, to
// which the digests that it pins are appended, 32 bytes each, and whose time is the owner's last
// call: so pins outlive a kill of this process. Thread-safe.
class BlobOwners {
 public:
  static constexpr int64_t kMaxPins = 8'000'000;  // of one owner
  static constexpr size_t kMaxOwners = 10'000;

  // Reads what is in the folder, which must exist.
  explicit BlobOwners(std::filesystem::path folder);

  // Pins blobs, whether they are there already or not, and notes the call. Once it returns, the
  // pins survive a power cut. Digests must be well formed. ResourceExhausted beyond the limits
  // above or if the disk is full.
  absl::Status Pin(const BlobOwner& owner, const std::vector<std::string>& blobs, absl::Time now);
  // Lets go of all that the owner pins.
  void Release(const BlobOwner& owner);

  // An owner with a call under way lives, whatever its last call.
  void BeginCall(const BlobOwner& owner);
  void EndCall(const BlobOwner& owner, absl::Time now);

  // Lets go of the owners that do not live and returns what the others pin, as raw bytes. Whatever
  // is pinned from this call on is told by PinnedSince. `lives` gets the time of the last call; it
  // is not asked about owners with a call under way.
  absl::flat_hash_set<std::string> Collect(
      absl::FunctionRef<bool(const BlobOwner&, absl::Time)> lives);
  // Whether the blob was pinned since the latest Collect.
  bool PinnedSince(const std::string& sha256) const;

 private:
  struct State {
    int64_t pins = 0;
    int calls = 0;
    bool in_folder = false;  // its file has a place in the folder on disk
    absl::Time renewed;
  };
  struct Written {
    FileHandle file;
    bool is_new = false;  // it may have no place in the folder on disk
  };
  // Notes the raw bytes of digests, which are on disk once what is returned is synced.
  absl::StatusOr<Written> Append(const BlobOwner& owner, const std::string& bytes, absl::Time now);
  std::filesystem::path FileOf(const BlobOwner& owner) const;
  void Remove(const BlobOwner& owner) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::filesystem::path folder_;
  mutable absl::Mutex mutex_;
  std::map<BlobOwner, State> owners_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_set<std::string> pinned_since_ ABSL_GUARDED_BY(mutex_);  // raw bytes
};

// A call that an owner makes: until its end the owner lives.
class OwnersCall {
 public:
  OwnersCall(BlobOwners& owners, std::optional<BlobOwner> owner);
  ~OwnersCall();
  OwnersCall(const OwnersCall&) = delete;
  OwnersCall& operator=(const OwnersCall&) = delete;

 private:
  BlobOwners& owners_;
  const std::optional<BlobOwner> owner_;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_BLOBS_BLOB_OWNERS_H_
