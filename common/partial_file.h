#ifndef ALIGNFLOW_COMMON_PARTIAL_FILE_H_
#define ALIGNFLOW_COMMON_PARTIAL_FILE_H_

#include <filesystem>
#include <string_view>

#include "absl/status/status.h"

namespace alignflow {

// A file that is written beside its target and takes the target's name only when it is whole: a
// reader of the target never sees half of it, and a failure leaves nothing. A regular file that is
// replaced keeps its mode and, where we may give files away, its owner. Whatever else has the name
// is replaced as well: for names that a user gave use client/output_file.h. Errors name the target.
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
  // Waits until the bytes are on the disk.
  absl::Status Sync();
  absl::Status Rename();

  // Whether a file name is one that PartialFile gives to unfinished files.
  static bool IsUnfinished(const std::filesystem::path& file);
  // Removes every unfinished file of this process and stops every thread that begins another. For a
  // process that ends at once, without destructors. Thread-safe; not for signal handlers.
  static void AbandonAll();

 private:
  absl::Status Error(const char* what) const;
  void KeepMode() const;

  std::filesystem::path target_;
  std::filesystem::path path_;
  int fd_ = -1;
  int open_error_ = 0;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_COMMON_PARTIAL_FILE_H_
