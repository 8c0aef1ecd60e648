#include "server/state_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/statvfs.h>

#include <cerrno>
#include <string>
#include <system_error>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace alignflow {
namespace {

namespace fs = std::filesystem;

constexpr mode_t kOwnFile = 0600;
constexpr fs::perms kOwnFolder = fs::perms::owner_all;

absl::Status UnusableState(const fs::path& folder, const std::string& why) {
  return absl::FailedPreconditionError(
      absl::StrCat("--state-dir ", folder.string(), ": ", why,
                   "; give a folder that this user may write, with space on its disk"));
}

void TakeRightsOfOthers(const fs::path& path, std::error_code& error) {
  fs::permissions(path, fs::perms::group_all | fs::perms::others_all, fs::perm_options::remove,
                  error);
}

// The folder, its files, and the folders of the blobs.
std::error_code TakeRightsOfOthersBelow(const fs::path& folder) {
  std::error_code error;
  TakeRightsOfOthers(folder, error);
  for (const fs::path& of : {folder, folder / "blobs"}) {
    std::error_code none;  // a new folder has no blobs
    for (const auto& entry : fs::directory_iterator(of, none)) {
      if (!error && !entry.is_symlink(none)) TakeRightsOfOthers(entry.path(), error);
    }
  }
  return error;
}

}  // namespace

std::filesystem::path SecretFileOf(const std::filesystem::path& state) { return state / "secret"; }

std::filesystem::path ListeningFileOf(const std::filesystem::path& state) {
  return state / "listening";
}

std::filesystem::path CatalogLocationFileOf(const std::filesystem::path& state) {
  return state / "catalog-id";
}

absl::StatusOr<std::unique_ptr<StateFolder>> StateFolder::Take(const fs::path& folder,
                                                               Sharing sharing) {
  std::error_code error;
  if (fs::create_directories(folder, error)) fs::permissions(folder, kOwnFolder, error);
  FileHandle lock(open((folder / "lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, kOwnFile));
  if (lock.get() < 0) return UnusableState(folder, std::generic_category().message(errno));
  const int kind = sharing == Sharing::kShared ? LOCK_SH : LOCK_EX;
  if (flock(lock.get(), kind | LOCK_NB) != 0) {
    return absl::FailedPreconditionError(
        absl::StrCat("--state-dir ", folder.string(),
                     ": another coordinator has it; stop that one, or give another folder"));
  }
  // Unless its catalog is in a database, which those that share the folder have. SQLite gives the
  // files beside the catalog the catalog's own mode.
  if (sharing == Sharing::kAlone && !fs::exists(CatalogLocationFileOf(folder), error)) {
    const FileHandle catalog(
        open((folder / "catalog.sqlite").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, kOwnFile));
  }
  error = TakeRightsOfOthersBelow(folder);
  if (error) return UnusableState(folder, absl::StrCat("its modes: ", error.message()));
  return std::unique_ptr<StateFolder>(new StateFolder(folder, std::move(lock)));
}

int64_t StateFolder::FreeBytes() const {
  struct statvfs disk = {};
  if (statvfs(folder_.c_str(), &disk) != 0) return 0;
  return static_cast<int64_t>(disk.f_bavail) * static_cast<int64_t>(disk.f_frsize);
}

int64_t StateFolder::DiskBytes() const {
  struct statvfs disk = {};
  if (statvfs(folder_.c_str(), &disk) != 0) return 0;
  return static_cast<int64_t>(disk.f_blocks) * static_cast<int64_t>(disk.f_frsize);
}

int64_t StateFolder::CatalogBytes() const {
  int64_t bytes = 0;
  for (const char* suffix : {"", "-wal", "-shm"}) {
    std::error_code error;
    const auto size = fs::file_size(catalog().string() + suffix, error);
    if (!error) bytes += static_cast<int64_t>(size);
  }
  return bytes;
}

}  // namespace alignflow
