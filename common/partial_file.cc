#include "common/partial_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <utility>

#include "absl/strings/str_cat.h"

namespace alignflow {

PartialFile::PartialFile(const std::filesystem::path& target) : target_(target) {
  static std::atomic<int> counter = 0;
  path_ = absl::StrCat(target.string(), ".", getpid(), ".", ++counter, ".part");
  fd_ = open(path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  open_error_ = fd_ < 0 ? errno : 0;
}

PartialFile::~PartialFile() {
  if (fd_ >= 0) close(fd_);
  if (!path_.empty()) unlink(path_.c_str());
}

absl::Status PartialFile::Append(std::string_view bytes) {
  if (open_error_ != 0) return Error("create");
  while (!bytes.empty()) {
    const ssize_t count = write(fd_, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return Error("write");
    bytes.remove_prefix(count);
  }
  return absl::OkStatus();
}

absl::Status PartialFile::Rename() {
  if (open_error_ != 0) return Error("create");
  if (close(std::exchange(fd_, -1)) != 0) return Error("close");
  if (rename(path_.c_str(), target_.c_str()) != 0) return Error("rename");
  path_.clear();
  return absl::OkStatus();
}

absl::Status PartialFile::Error(const char* what) const {
  return absl::ErrnoToStatus(open_error_ != 0 ? open_error_ : errno,
                             absl::StrCat(target_.string(), ": ", what));
}

}  // namespace alignflow
