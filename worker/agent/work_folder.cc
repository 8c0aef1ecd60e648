#include "worker/agent/work_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string>
#include <system_error>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace alignflow {
namespace {

namespace fs = std::filesystem;

constexpr int kMaxWorkers = 1000;

absl::Status MakePrivateFolder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder.parent_path(), error);
  if (mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) {
    return absl::ErrnoToStatus(
        errno, absl::StrCat("cache folder ", folder.string(),
                            " (give a folder that this user may write with --cache-dir)"));
  }
  // In a shared /tmp anyone could have been here first.
  struct stat info;
  if (stat(folder.c_str(), &info) != 0 || !S_ISDIR(info.st_mode) ||
      (info.st_uid != geteuid() && (info.st_mode & S_IWOTH) != 0)) {
    return absl::FailedPreconditionError(absl::StrCat(
        "cache folder ", folder.string(),
        " is no folder, or is another user's and open to all: give another one with --cache-dir"));
  }
  return absl::OkStatus();
}

// The lock's file, or -1 if another process holds it. The caller closes it.
int Lock(const fs::path& file, int flags) {
  const int fd = open(file.c_str(), O_RDWR | O_CLOEXEC | flags, 0600);
  if (fd < 0) return -1;
  struct stat info;
  // Gone again: a starting worker took it for a dead one's between our open and our lock.
  if (flock(fd, LOCK_EX | LOCK_NB) == 0 && fstat(fd, &info) == 0 && info.st_nlink > 0) return fd;
  close(fd);
  return -1;
}

void RemoveFolderAndLock(const fs::path& folder, int lock) {
  std::error_code ignored;
  fs::remove_all(folder, ignored);
  fs::remove(folder.string() + ".lock", ignored);
  close(lock);
}

void RemoveDeadWorkers(const fs::path& workers) {
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(workers, error)) {
    if (entry.path().extension() != ".lock") continue;
    const int lock = Lock(entry.path(), 0);
    if (lock >= 0) RemoveFolderAndLock(fs::path(entry.path()).replace_extension(), lock);
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<WorkFolder>> WorkFolder::Create(const fs::path& cache) {
  const fs::path workers = cache / "workers";
  absl::Status status = MakePrivateFolder(cache);
  if (status.ok()) status = MakePrivateFolder(workers);
  if (!status.ok()) return status;
  RemoveDeadWorkers(workers);
  for (int number = 1; number <= kMaxWorkers; ++number) {
    const fs::path folder = workers / absl::StrCat(number);
    const int lock = Lock(folder.string() + ".lock", O_CREAT | O_EXCL);
    if (lock < 0) continue;
    if (mkdir(folder.c_str(), 0700) == 0) {
      return std::unique_ptr<WorkFolder>(new WorkFolder(folder, lock));
    }
    close(lock);
  }
  return absl::ErrnoToStatus(errno, absl::StrCat("no folder can be made in ", workers.string()));
}

WorkFolder::~WorkFolder() { RemoveFolderAndLock(path_, lock_); }

fs::path DefaultCacheFolder() {
  const auto variable = [](const char* name) -> std::string {
    const char* value = std::getenv(name);
    return value == nullptr ? "" : value;
  };
  if (const std::string cache = variable("XDG_CACHE_HOME"); !cache.empty()) {
    return fs::path(cache) / "alignflow";
  }
  if (const std::string home = variable("HOME"); !home.empty() && access(home.c_str(), W_OK) == 0) {
    return fs::path(home) / ".cache" / "alignflow";
  }
  std::error_code error;
  const fs::path temporary = fs::temp_directory_path(error);
  return (error ? fs::path("/tmp") : temporary) / absl::StrCat("alignflow-", geteuid());
}

}  // namespace alignflow
