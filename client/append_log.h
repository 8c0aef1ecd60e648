#ifndef ALIGNFLOW_CLIENT_APPEND_LOG_H_
#define ALIGNFLOW_CLIENT_APPEND_LOG_H_

#include <filesystem>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace alignflow {

// A text file that only grows, line by line, by one process at a time, and survives a crash at any
// moment. Errors name the file; ResourceExhausted: no space left. Not thread-safe.
class AppendLog {
 public:
  // Created if need be, and locked until the log is destroyed. FailedPrecondition if another
  // process has it locked. A last line that a crash has cut short is dropped.
  static absl::StatusOr<AppendLog> Open(const std::filesystem::path& path);
  ~AppendLog();
  AppendLog(AppendLog&& other) noexcept;
  AppendLog& operator=(AppendLog&&) = delete;

  // The lines that were there when the log was opened, without their line breaks.
  const std::vector<std::string>& lines() const { return lines_; }

  // Adds a line, which holds no line break, and returns once it is on the disk.
  absl::Status Append(const std::string& line);

 private:
  AppendLog(int descriptor, std::filesystem::path path);
  absl::Status ReadLines();
  absl::Status Error(const std::string& doing) const;

  int descriptor_;
  std::filesystem::path path_;
  std::vector<std::string> lines_;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_CLIENT_APPEND_LOG_H_
