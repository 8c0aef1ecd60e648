#ifndef ALIGNFLOW_SERVER_OBJECTS_CREDENTIALS_H_
#define ALIGNFLOW_SERVER_OBJECTS_CREDENTIALS_H_

#include <filesystem>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"

namespace alignflow {

struct S3Keys {
  std::string access_key, secret_key;
  std::string session_token;  // may be empty
};

// Keys of an object store, from the environment (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY,
// AWS_SESSION_TOKEN) or the profile [default] of a file as AWS's own programs keep it. The file is
// read again when it changes. Thread-safe.
class CredentialsSource {
 public:
  // Empty: the environment.
  explicit CredentialsSource(std::filesystem::path file) : file_(std::move(file)) {}

  // FailedPrecondition, naming the file or the variable, if there is no key, or if others may read
  // the file. No error holds a key.
  absl::StatusOr<S3Keys> Get();

 private:
  absl::StatusOr<S3Keys> FromFile() const;

  const std::filesystem::path file_;
  absl::Mutex mutex_;
  std::filesystem::file_time_type read_ ABSL_GUARDED_BY(mutex_);
  S3Keys kept_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_OBJECTS_CREDENTIALS_H_
