#ifndef ALIGNFLOW_SERVER_STORED_BLOBS_H_
#define ALIGNFLOW_SERVER_STORED_BLOBS_H_

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/objects/bucket.h"
#include "server/objects/bucket_options.h"

namespace alignflow {

// The blobs of a state folder, wherever they are, for who reads them beside a coordinator at work
// and changes nothing. Thread-safe.
class StoredBlobs {
 public:
  // FailedPrecondition, with the remedy, if the blobs are not where `bucket` says.
  static absl::StatusOr<StoredBlobs> Open(const std::filesystem::path& state,
                                          const BucketOptions& bucket);

  // NotFound.
  absl::StatusOr<int64_t> SizeOf(const std::string& sha256) const;
  // The bytes piece by piece, checked at the end. NotFound; DataLoss if they don't match.
  absl::Status Read(const std::string& sha256, int64_t size,
                    absl::FunctionRef<absl::Status(std::string_view)> use) const;

  // Calls `body` for all, several at the same time where each waits for a network. Ends with the
  // first error.
  absl::Status ForEach(const std::vector<std::string>& blobs,
                       const std::function<absl::Status(const std::string&)>& body) const;

 private:
  StoredBlobs() = default;

  std::filesystem::path folder_;
  std::unique_ptr<Bucket> bucket_;  // null: they are in the folder
};

// Calls `body` for all in some threads. Ends with the first error.
absl::Status ForEachBlob(const std::vector<std::string>& blobs, int threads,
                         const std::function<absl::Status(const std::string&)>& body);

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_STORED_BLOBS_H_
