#include "client/append_log.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <utility>

#include "absl/strings/str_cat.h"

namespace alignflow {

absl::StatusOr<AppendLog> AppendLog::Open(const std::filesystem::path& path) {
  struct stat is = {};
  if (stat(path.c_str(), &is) == 0 && !S_ISREG(is.st_mode)) {
    return absl::FailedPreconditionError(
        absl::StrCat(path.string(), " is no regular file: choose another folder"));
  }
  AppendLog log(open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644), path);
  if (log.descriptor_ < 0) return log.Error("open");
  if (flock(log.descriptor_, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return log.Error("lock");
    return absl::FailedPreconditionError(
        absl::StrCat("another afctl is writing to ", path.string(), ": let it finish"));
  }
  absl::Status read = log.ReadLines();
  if (!read.ok()) return read;
  return log;
}

AppendLog::AppendLog(int descriptor, std::filesystem::path path)
    : descriptor_(descriptor), path_(std::move(path)) {}

AppendLog::AppendLog(AppendLog&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)),
      path_(std::move(other.path_)),
      lines_(std::move(other.lines_)) {}

AppendLog::~AppendLog() {
  if (descriptor_ >= 0) close(descriptor_);
}

absl::Status AppendLog::Error(const std::string& doing) const {
  return absl::ErrnoToStatus(errno, absl::StrCat("cannot ", doing, " ", path_.string()));
}

absl::Status AppendLog::ReadLines() {
  std::ifstream file(path_, std::ios::binary);
  if (!file.is_open()) return Error("read");
  off_t whole_bytes = 0;
  for (std::string line; std::getline(file, line);) {
    // The line break is written last: a line without one was cut short.
    if (file.eof())
      return ftruncate(descriptor_, whole_bytes) == 0 ? absl::OkStatus() : Error("shorten");
    whole_bytes += static_cast<off_t>(line.size()) + 1;
    lines_.push_back(std::move(line));
  }
  return absl::OkStatus();
}

absl::Status AppendLog::Append(const std::string& line) {
  const std::string text = line + "\n";
  for (size_t done = 0; done < text.size();) {
    const ssize_t count = write(descriptor_, text.data() + done, text.size() - done);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return Error("write to");
    done += count;
  }
  return fsync(descriptor_) == 0 ? absl::OkStatus() : Error("write to");
}

}  // namespace alignflow
