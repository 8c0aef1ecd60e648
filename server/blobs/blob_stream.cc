#include "server/blobs/blob_stream.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/steady_now.h"
#include "fmt/format.h"

namespace alignflow {
namespace {

// Reads up to `size` bytes; fewer only at the end of the file.
absl::StatusOr<std::string> ReadUpTo(int fd, int64_t size) {
  std::string bytes(size, '\0');
  int64_t done = 0;
  while (done < size) {
    const ssize_t count = read(fd, bytes.data() + done, size - done);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return absl::InternalError(absl::StrCat("blobs: read: error ", errno));
    if (count == 0) break;
    done += count;
  }
  bytes.resize(done);
  return bytes;
}

class FileSource final : public BlobSource {
 public:
  explicit FileSource(FileHandle file) : file_(std::move(file)) {}
  absl::StatusOr<std::string> Read(int64_t limit) override { return ReadUpTo(file_.get(), limit); }

 private:
  const FileHandle file_;
};

}  // namespace

FileHandle::~FileHandle() {
  if (fd_ >= 0) close(fd_);
}
FileHandle::FileHandle(FileHandle&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
FileHandle& FileHandle::operator=(FileHandle&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

absl::Status WriteError(int error, std::string_view what) {
  if (error == ENOSPC || error == EDQUOT || error == EFBIG) {
    return absl::ResourceExhaustedError(
        fmt::format("no space left ({}); free space on the disk of the coordinator's state folder "
                    "and try again",
                    what));
  }
  return absl::InternalError(fmt::format("blobs: {}: error {}", what, error));
}

absl::Status SyncFolder(const std::filesystem::path& folder) {
  const FileHandle handle(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (handle.get() < 0 || fsync(handle.get()) != 0) return WriteError(errno, "sync a folder");
  return absl::OkStatus();
}

int64_t SizeOfFile(const std::filesystem::path& file) {
  struct stat info = {};
  return stat(file.c_str(), &info) == 0 ? info.st_size : -1;
}

bool RemoveOldFile(const std::filesystem::path& file, absl::Time cutoff, int64_t& bytes) {
  struct stat info = {};
  if (stat(file.c_str(), &info) != 0 || absl::TimeFromTimespec(info.st_mtim) > cutoff) return false;
  bytes += info.st_size;
  return unlink(file.c_str()) == 0;
}

BlobWriter::BlobWriter(Target target, FileHandle file, std::function<void()> on_end)
    : target_(std::move(target)), file_(std::move(file)), on_end_(std::move(on_end)) {}

absl::StatusOr<std::unique_ptr<BlobWriter>> BlobWriter::Open(Target target, int64_t offset,
                                                             std::function<void()> on_end) {
  FileHandle file(open(target.incoming.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  const int error = errno;
  std::unique_ptr<BlobWriter> writer(
      new BlobWriter(std::move(target), std::move(file), std::move(on_end)));
  if (writer->file_.get() < 0) return WriteError(error, "open");
  absl::Status status = writer->HashWhatIsThere(offset);
  if (!status.ok()) return status;
  return writer;
}

BlobWriter::~BlobWriter() {
  // An empty file says nothing that no file doesn't.
  if (!keep_ || !target_.resumable || received_ == 0) unlink(target_.incoming.c_str());
  on_end_();
}

absl::Status BlobWriter::HashWhatIsThere(int64_t offset) {
  if (ftruncate(file_.get(), offset) != 0) return Discard(WriteError(errno, "truncate"));
  while (received_ < offset) {
    absl::StatusOr<std::string> bytes =
        ReadUpTo(file_.get(), std::min<int64_t>(offset - received_, 1 << 20));
    if (!bytes.ok()) return Discard(bytes.status());
    if (bytes->empty()) return Discard(absl::InternalError("blobs: an unfinished write shrank"));
    hash_.Update(*bytes);
    received_ += static_cast<int64_t>(bytes->size());
  }
  return absl::OkStatus();
}

absl::Status BlobWriter::Discard(absl::Status error) {
  keep_ = false;
  return error;
}

absl::Status BlobWriter::Append(std::string_view bytes) {
  const absl::Time began = SteadyNow();
  absl::Status status = DoAppend(bytes);
  target_.observe(BlobOperation::kAppend, SteadyNow() - began, status);
  return status;
}

absl::Status BlobWriter::DoAppend(std::string_view bytes) {
  if (received_ + static_cast<int64_t>(bytes.size()) > target_.size) {
    return Discard(absl::InvalidArgumentError(
        absl::StrCat("more bytes than the ", target_.size, " announced")));
  }
  hash_.Update(bytes);
  while (!bytes.empty()) {
    const ssize_t count = write(file_.get(), bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return Discard(WriteError(errno, "write"));
    received_ += count;
    bytes.remove_prefix(count);
  }
  return absl::OkStatus();
}

absl::Status BlobWriter::Commit() {
  const absl::Time began = SteadyNow();
  absl::Status status = DoCommit();
  target_.observe(BlobOperation::kCommit, SteadyNow() - began, status);
  return status;
}

absl::Status BlobWriter::DoCommit() {
  if (received_ < target_.size) {
    return absl::FailedPreconditionError(
        absl::StrCat("only ", received_, " of ", target_.size, " bytes have come; send the rest"));
  }
  const std::string found = hash_.Finish();
  if (found != target_.sha256) {
    return Discard(absl::InvalidArgumentError(
        absl::StrCat("the bytes do not match the digest: announced ", target_.sha256, ", found ",
                     found, "; they are discarded, send the file again")));
  }
  absl::Status published =
      target_.publish({.path = target_.incoming, .fd = file_.get(), .size = target_.size});
  // What is kept in vain while a store does not answer need not come again.
  return published.ok() || absl::IsUnavailable(published) ? published : Discard(published);
}

absl::StatusOr<std::unique_ptr<BlobSource>> SourceOfFile(FileHandle file, int64_t offset) {
  if (lseek(file.get(), offset, SEEK_SET) != offset) {
    return absl::InternalError(absl::StrCat("blobs: seek: error ", errno));
  }
  return std::make_unique<FileSource>(std::move(file));
}

BlobReader::BlobReader(std::string sha256, std::unique_ptr<BlobSource> source, int64_t offset,
                       int64_t size, OnDamage on_damage, BlobObserver observe)
    : sha256_(std::move(sha256)),
      source_(std::move(source)),
      offset_(offset),
      size_(size),
      whole_(offset == 0),
      on_damage_(std::move(on_damage)),
      observe_(std::move(observe)) {}

absl::StatusOr<std::string> BlobReader::Next(int64_t limit) {
  const absl::Time began = SteadyNow();
  absl::StatusOr<std::string> bytes = DoNext(limit);
  observe_(BlobOperation::kRead, SteadyNow() - began, bytes.status());
  return bytes;
}

absl::StatusOr<std::string> BlobReader::DoNext(int64_t limit) {
  absl::StatusOr<std::string> bytes = source_->Read(std::min(limit, size_ - offset_));
  if (!bytes.ok()) return bytes;
  offset_ += static_cast<int64_t>(bytes->size());
  if (whole_) hash_.Update(*bytes);
  if (bytes->empty() && offset_ < size_) return on_damage_("it was cut short while being read");
  if (offset_ == size_ && whole_ && !std::exchange(checked_, true) && hash_.Finish() != sha256_) {
    return on_damage_("its bytes do not match its digest");
  }
  return bytes;
}

}  // namespace alignflow
