#include "client/output_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <sstream>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace alignflow {
namespace {

namespace fs = std::filesystem;

constexpr int kMaxLinks = 40;  // as Linux

absl::Status Refuse(const fs::path& path, const std::string& why) {
  return absl::FailedPreconditionError(absl::StrCat(path.string(), why));
}

absl::Status CannotWrite(const std::string& name, int error) {
  if (error == EPIPE) {
    return absl::DataLossError(
        absl::StrCat("cannot write ", name, ": its reader closed it before everything was there"));
  }
  return absl::ErrnoToStatus(error, absl::StrCat("cannot write ", name));
}

fs::path FolderOf(const fs::path& path) {
  const fs::path folder = path.parent_path();
  return folder.empty() ? "." : folder;
}

// Linux's own rule (fs.protected_symlinks), which holds for open but not for rename.
absl::Status CheckLinkIsTrusted(const fs::path& path, const struct stat& link) {
  struct stat folder = {};
  if (stat(FolderOf(path).c_str(), &folder) != 0) return CannotWrite(path.string(), errno);
  const bool for_everybody = (folder.st_mode & S_ISVTX) != 0 && (folder.st_mode & S_IWOTH) != 0;
  if (!for_everybody || link.st_uid == geteuid() || link.st_uid == folder.st_uid) {
    return absl::OkStatus();
  }
  return Refuse(path,
                " is a symbolic link of another user in a folder that everybody may write to; "
                "name the file that it leads to");
}

// What lies behind a name.
struct Place {
  fs::path path;   // no link any more, or one of the kernel's own that only open can follow
  struct stat is;  // of `path`; st_mode is 0 if nothing is there
  bool kernel_link = false;
};

absl::StatusOr<Place> FollowLinks(const std::string& name) {
  Place place{.path = name, .is = {}, .kernel_link = false};
  for (int links = 0; links <= kMaxLinks; ++links) {
    if (lstat(place.path.c_str(), &place.is) != 0) {
      if (errno != ENOENT) return CannotWrite(name, errno);
      place.is.st_mode = 0;
      return place;
    }
    if (!S_ISLNK(place.is.st_mode)) return place;
    absl::Status trusted = CheckLinkIsTrusted(place.path, place.is);
    if (!trusted.ok()) return trusted;
    std::error_code error;
    const fs::path folder = fs::canonical(FolderOf(place.path), error);
    if (error) return CannotWrite(name, error.value());
    if (folder.string().starts_with("/proc/")) {
      place.kernel_link = true;
      return place;
    }
    const fs::path target = fs::read_symlink(place.path, error);
    if (error) return CannotWrite(name, error.value());
    place.path = folder / target;  // `target` alone if it is absolute
  }
  return Refuse(name, " is a symbolic link that leads back to itself");
}

// A descriptor of something that is no regular file, or one that another program holds open.
int OpenStream(const Place& place) {
  if (!place.kernel_link) return open(place.path.c_str(), O_WRONLY | O_NOCTTY | O_CLOEXEC);
  // Our own descriptors are taken as they are, with their place in the file.
  std::error_code error;
  const fs::path folder = fs::canonical(FolderOf(place.path), error);
  int number = -1;
  if (folder == fs::path(absl::StrCat("/proc/", getpid(), "/fd")) &&
      absl::SimpleAtoi(place.path.filename().string(), &number)) {
    return fcntl(number, F_DUPFD_CLOEXEC, 0);
  }
  return open(place.path.c_str(), O_WRONLY | O_APPEND | O_NOCTTY | O_CLOEXEC);
}

absl::Status CheckFolderTakesFiles(const fs::path& path) {
  const fs::path folder = FolderOf(path);
  struct stat is = {};
  if (path.filename().empty() || stat(folder.c_str(), &is) != 0 || !S_ISDIR(is.st_mode)) {
    return absl::NotFoundError(absl::StrCat(path.string(), ": the folder ", folder.string(),
                                            " is not there; make it first"));
  }
  if (faccessat(AT_FDCWD, folder.c_str(), W_OK | X_OK, AT_EACCESS) == 0) return absl::OkStatus();
  return absl::PermissionDeniedError(absl::StrCat(path.string(), ": no file can be made in ",
                                                  folder.string(), " (", std::strerror(errno),
                                                  "); choose another folder"));
}

// OK for a place that a new regular file may take.
absl::Status CheckReplaceable(const Place& place) {
  if (S_ISREG(place.is.st_mode) && faccessat(AT_FDCWD, place.path.c_str(), W_OK, AT_EACCESS) != 0) {
    return absl::PermissionDeniedError(absl::StrCat(
        place.path.string(), " is there and ",
        errno == EACCES ? "write-protected" : std::strerror(errno), "; choose another name"));
  }
  return CheckFolderTakesFiles(place.path);
}

}  // namespace

bool OutputFile::IsStandardOutput(std::string_view name) {
  for (const std::string_view known : {"-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"}) {
    if (name == known) return true;
  }
  return false;
}

absl::StatusOr<OutputFile> OutputFile::Open(const std::string& name,
                                            std::ostream& standard_output) {
  OutputFile output(name);
  if (IsStandardOutput(name)) {
    output.name_ = "stdout";
    output.standard_output_ = &standard_output;
    return output;
  }
  auto place = FollowLinks(name);
  if (!place.ok()) return place.status();
  const mode_t mode = place->is.st_mode;
  if (S_ISDIR(mode)) return Refuse(name, " is a folder; give the name of a file in it");
  if (S_ISSOCK(mode)) {
    return Refuse(name, " is a socket, which can't be opened as a file; write to - and pipe it");
  }
  if (S_ISBLK(mode)) return Refuse(name, " is a disk; give the name of a file");
  if (mode != 0 && !S_ISREG(mode)) {
    output.stream_ = OpenStream(*place);
    if (output.stream_ < 0) return output.Error(errno);
    return output;
  }
  absl::Status replaceable = CheckReplaceable(*place);
  if (!replaceable.ok()) return replaceable;
  output.file_ = std::make_unique<PartialFile>(place->path);
  return output;
}

OutputFile::OutputFile(OutputFile&& other) noexcept
    : name_(std::move(other.name_)),
      file_(std::move(other.file_)),
      stream_(std::exchange(other.stream_, -1)),
      standard_output_(other.standard_output_) {}

OutputFile::~OutputFile() {
  if (stream_ >= 0) close(stream_);
}

absl::Status OutputFile::Append(std::string_view bytes) {
  if (file_) return file_->Append(bytes);
  if (standard_output_ != nullptr) {
    errno = 0;
    standard_output_->write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    return standard_output_->good() ? absl::OkStatus() : Error(errno);
  }
  while (!bytes.empty()) {
    const ssize_t count = write(stream_, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return Error(errno);
    bytes.remove_prefix(count);
  }
  return absl::OkStatus();
}

absl::Status OutputFile::Finish() {
  if (file_) {
    absl::Status synced = file_->Sync();
    return synced.ok() ? file_->Rename() : synced;
  }
  if (standard_output_ != nullptr) return FlushStandardOutput(*standard_output_);
  return close(std::exchange(stream_, -1)) == 0 ? absl::OkStatus() : Error(errno);
}

absl::Status OutputFile::Error(int error) const {
  return CannotWrite(name_, error == 0 ? EIO : error);
}

absl::StatusOr<OutputFile> OpenOutput(Session& session, const std::string& name) {
  if (session.json && OutputFile::IsStandardOutput(name)) {
    return absl::InvalidArgumentError(
        absl::StrCat("with --json, stdout is for the document: give a file instead of ", name));
  }
  return OutputFile::Open(name, session.console.out);
}

Result WroteOutput(Session& session, const std::string& name, Json document, std::string text) {
  if (!OutputFile::IsStandardOutput(name)) {
    return Result{.document = std::move(document), .text = std::move(text)};
  }
  session.console.err << text << std::flush;
  return Result{.document = std::move(document), .text = {}};
}

absl::Status WriteInFolder(const fs::path& file, std::string_view bytes) {
  std::ostringstream unused;  // a path in a folder is not "-"
  auto output = OutputFile::Open(file.string(), unused);
  if (!output.ok()) return output.status();
  absl::Status written = output->Append(bytes);
  return written.ok() ? output->Finish() : written;
}

absl::Status CheckOutputFolder(const std::string& name) {
  std::error_code error;
  if (OutputFile::IsStandardOutput(name)) {
    return absl::InvalidArgumentError(
        absl::StrCat(name, " is stdout, which can't hold the many files: give a folder"));
  }
  const fs::file_status is = fs::status(name, error);
  if (!fs::exists(is) || fs::is_directory(is)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(name, " is there and no folder: give another name"));
}

absl::Status FlushStandardOutput(std::ostream& standard_output) {
  // A stream that failed before has left its error there.
  if (standard_output.good()) errno = 0;
  standard_output.flush();
  if (standard_output.good()) return absl::OkStatus();
  return CannotWrite("stdout", errno == 0 ? EIO : errno);
}

}  // namespace alignflow
