#ifndef ALIGNFLOW_SERVER_BLOBS_BLOB_STREAM_H_
#define ALIGNFLOW_SERVER_BLOBS_BLOB_STREAM_H_

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/digest.h"

namespace alignflow {

// An open file, closed with the object.
class FileHandle {
 public:
  explicit FileHandle(int fd = -1) : fd_(fd) {}
  ~FileHandle();
  FileHandle(FileHandle&& other) noexcept;
  FileHandle& operator=(FileHandle&& other) noexcept;
  int get() const { return fd_; }

 private:
  int fd_;
};

// What is done to a blob's file: bytes are appended to it, it is made durable and appears, its
// bytes are read.
enum class BlobOperation { kAppend, kCommit, kRead };
using BlobObserver = std::function<void(BlobOperation, absl::Duration, const absl::Status&)>;

// All bytes of a blob, checked against its digest, in a file that is not the blob yet.
struct IncomingFile {
  std::filesystem::path path;
  int fd = -1;
  int64_t size = 0;
};
// Makes the blob appear. Unavailable: the file is kept for another try.
using PublishBlob = std::function<absl::Status(const IncomingFile&)>;

// Takes the bytes of one blob, in order. Destroyed before Commit it leaves what arrived where a
// later writer goes on, unless an error has shown that this would be useless. Not thread-safe.
class BlobWriter {
 public:
  struct Target {
    std::string sha256;
    int64_t size = 0;
    std::filesystem::path incoming;  // where the bytes gather
    bool resumable = true;
    PublishBlob publish;
    BlobObserver observe = [](BlobOperation, absl::Duration, const absl::Status&) {};
  };

  // Goes on behind the `offset` bytes that the incoming file has. `on_end` is called once, at
  // destruction.
  static absl::StatusOr<std::unique_ptr<BlobWriter>> Open(Target target, int64_t offset,
                                                          std::function<void()> on_end);
  ~BlobWriter();
  BlobWriter(const BlobWriter&) = delete;
  BlobWriter& operator=(const BlobWriter&) = delete;

  // InvalidArgument beyond the size announced; ResourceExhausted, with the remedy, if the disk is
  // full. After an error nothing of the write is kept.
  absl::Status Append(std::string_view bytes);

  // Checks size and digest, and makes the blob appear durably. InvalidArgument if the bytes are
  // others than announced (they are discarded); FailedPrecondition if some have not come yet (they
  // are kept) and what PublishBlob says. To be called once.
  absl::Status Commit();

  int64_t received() const { return received_; }

 private:
  BlobWriter(Target target, FileHandle file, std::function<void()> on_end);
  absl::Status DoAppend(std::string_view bytes);
  absl::Status DoCommit();
  absl::Status HashWhatIsThere(int64_t offset);
  // Discards what arrived and passes the error on.
  absl::Status Discard(absl::Status error);

  const Target target_;
  FileHandle file_;
  std::function<void()> on_end_;
  Sha256 hash_;
  int64_t received_ = 0;
  bool keep_ = true;
};

// Where bytes of a blob come from, in order. Not thread-safe.
class BlobSource {
 public:
  virtual ~BlobSource() = default;
  // Up to `limit` further bytes, fewer only at the end; none at the end.
  virtual absl::StatusOr<std::string> Read(int64_t limit) = 0;
};
absl::StatusOr<std::unique_ptr<BlobSource>> SourceOfFile(FileHandle file, int64_t offset);

// Gives the bytes of one blob, in order. Read from its beginning to its end the blob is checked
// against its digest. Not thread-safe.
class BlobReader {
 public:
  // `on_damage` is called once if the bytes don't match, and says what Next returns then.
  using OnDamage = std::function<absl::Status(std::string_view how)>;
  BlobReader(std::string sha256, std::unique_ptr<BlobSource> source, int64_t offset, int64_t size,
             OnDamage on_damage, BlobObserver observe);

  // Up to `limit` further bytes; none at the end. DataLoss at the end of a blob that was read whole
  // and doesn't match; Internal if the disk fails, Unavailable if a store does not answer.
  absl::StatusOr<std::string> Next(int64_t limit);

  int64_t size() const { return size_; }  // of the whole blob

 private:
  absl::StatusOr<std::string> DoNext(int64_t limit);

  const std::string sha256_;
  const std::unique_ptr<BlobSource> source_;
  int64_t offset_;
  const int64_t size_;
  const bool whole_;
  bool checked_ = false;
  Sha256 hash_;
  const OnDamage on_damage_;
  const BlobObserver observe_;
};

// An error of writing a file: ResourceExhausted with the remedy if there is no space, Internal
// otherwise.
absl::Status WriteError(int error, std::string_view what);

// The file's bytes, or -1 if there is none.
int64_t SizeOfFile(const std::filesystem::path& file);

// Whether the file was removed: if it was last written at or before `cutoff`. Adds its bytes.
bool RemoveOldFile(const std::filesystem::path& file, absl::Time cutoff, int64_t& bytes);

// Makes a rename in the folder durable.
absl::Status SyncFolder(const std::filesystem::path& folder);

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_BLOBS_BLOB_STREAM_H_
