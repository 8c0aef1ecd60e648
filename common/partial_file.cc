#include "common/partial_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <mutex>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"

namespace alignflow {
namespace {

constexpr char kSuffix[] = ".part";

std::mutex& Guard() {
  static auto* const mutex = new std::mutex;
  return *mutex;
}

// Paths of the files that exist and were not renamed. Needs Guard().
std::set<std::string>& Unfinished() {
  static auto* const paths = new std::set<std::string>;
  return *paths;
}

}  // namespace

PartialFile::PartialFile(const std::filesystem::path& target) : target_(target) {
  static std::atomic<int> counter = 0;
  const std::lock_guard lock(Guard());
  do {
    path_ = absl::StrCat(target.string(), ".", getpid(), ".", ++counter, kSuffix);
    // Of nobody else, not even through a link that somebody put there.
    fd_ = open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
  } while (fd_ < 0 && errno == EEXIST);
  open_error_ = fd_ < 0 ? errno : 0;
  if (fd_ >= 0) Unfinished().insert(path_);
}

PartialFile::~PartialFile() {
  if (fd_ >= 0) close(fd_);
  const std::lock_guard lock(Guard());
  if (Unfinished().erase(path_) > 0) unlink(path_.c_str());
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

absl::Status PartialFile::Sync() {
  if (open_error_ != 0) return Error("create");
  return fsync(fd_) == 0 ? absl::OkStatus() : Error("write");
}

absl::Status PartialFile::Rename() {
  if (open_error_ != 0) return Error("create");
  KeepMode();
  if (close(std::exchange(fd_, -1)) != 0) return Error("close");
  if (rename(path_.c_str(), target_.c_str()) != 0) return Error("rename");
  const std::lock_guard lock(Guard());
  Unfinished().erase(path_);
  return absl::OkStatus();
}

bool PartialFile::IsUnfinished(const std::filesystem::path& file) {
  return file.extension() == kSuffix;
}

void PartialFile::AbandonAll() {
  Guard().lock();  // for good
  for (const std::string& path : Unfinished()) unlink(path.c_str());
}

void PartialFile::KeepMode() const {
  struct stat old = {};
  if (stat(target_.c_str(), &old) != 0 || !S_ISREG(old.st_mode)) return;
  // Only root may give files away; the mode comes last, because another owner clears bits of it.
  [[maybe_unused]] const int ignored = fchown(fd_, old.st_uid, old.st_gid);
  fchmod(fd_, old.st_mode & 0777);
}

absl::Status PartialFile::Error(const char* what) const {
  return absl::ErrnoToStatus(open_error_ != 0 ? open_error_ : errno,
                             absl::StrCat("cannot ", what, " ", target_.string()));
}

}  // namespace alignflow
