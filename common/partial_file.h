#ifndef ALIGNFLOW_COMMON_PARTIAL_FILE_H_
#define ALIGNFLOW_COMMON_PARTIAL_FILE_H_

#include <filesystem>
#include <string_view>

#include "absl/status/status.h"

namespace alignflow {

// A file that is written beside its target and takes the target's name only when it is whole: a
// reader of the target never sees half of it, and a failure leaves nothing. Errors name the target.
// Not thread-safe; any number may be written for one target, and the last Rename wins.
class PartialFile {
 public:
  // The target's folder must exist. An error of creating the file is returned by the first call
  // below.
  explicit PartialFile(const std::filesystem::path& target);
  // Removes what was not renamed.
  ~PartialFile();
  PartialFile(const PartialFile&) = delete;
  PartialFile& operator=(const PartialFile&) = delete;

  // RESOURCE_EXHAUSTED if the disk is full.
  absl::Status Append(std::string_view bytes);
  absl::Status Rename();

 private:
  absl::Status Error(const char* what) const;

  std::filesystem::path target_;
  std::filesystem::path path_;
  int fd_ = -1;
  int open_error_ = 0;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_COMMON_PARTIAL_FILE_H_
