#include "common/scratch_folder.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <cerrno>
#include <mutex>
#include <set>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"

namespace alignflow {
namespace {

namespace fs = std::filesystem;

struct Known {
  std::mutex mutex;
  std::set<fs::path> folders;
};
Known& AllKnown() {
  static auto* const known = new Known;
  return *known;
}

absl::Status Failed(const fs::path& path, const char* what, int error) {
  const std::string text = absl::StrCat(
      what, " ", path.string(), " (", std::generic_category().message(error),
      "); name a folder with room, which you may write to, in the environment variable TMPDIR");
  return error == ENOSPC || error == EDQUOT ? absl::ResourceExhaustedError(text)
                                            : absl::FailedPreconditionError(text);
}

}  // namespace

absl::StatusOr<std::unique_ptr<ScratchFolder>> ScratchFolder::Make() {
  std::error_code error;
  fs::path parent = fs::temp_directory_path(error);
  if (error) parent = "/tmp";
  std::string name = (parent / "alignflow-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) return Failed(name, "cannot make the folder", errno);
  return std::unique_ptr<ScratchFolder>(new ScratchFolder(name));
}

ScratchFolder::ScratchFolder(fs::path path) : path_(std::move(path)) {
  const std::scoped_lock lock(AllKnown().mutex);
  AllKnown().folders.insert(path_);
}

ScratchFolder::~ScratchFolder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
  const std::scoped_lock lock(AllKnown().mutex);
  AllKnown().folders.erase(path_);
}

absl::Status ScratchFolder::Write(std::string_view name, std::string_view bytes) const {
  const fs::path file = path_ / name;
  const int descriptor = open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (descriptor < 0) return Failed(file, "cannot write", errno);
  int error = 0;
  while (!bytes.empty() && error == 0) {
    const ssize_t count = write(descriptor, bytes.data(), bytes.size());
    if (count >= 0) {
      bytes.remove_prefix(static_cast<size_t>(count));
    } else if (errno != EINTR) {
      error = errno;
    }
  }
  if (close(descriptor) != 0 && error == 0) error = errno;
  return error == 0 ? absl::OkStatus() : Failed(file, "cannot write", error);
}

void ScratchFolder::AbandonAll() {
  const std::scoped_lock lock(AllKnown().mutex);
  for (const fs::path& folder : AllKnown().folders) {
    // Renamed first: what other threads still write finds no folder.
    const fs::path gone = folder.string() + "-gone";
    std::error_code ignored;
    fs::rename(folder, gone, ignored);
    fs::remove_all(gone, ignored);
  }
}

}  // namespace alignflow
