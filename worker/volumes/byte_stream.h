#ifndef ALIGNFLOW_WORKER_VOLUMES_BYTE_STREAM_H_
#define ALIGNFLOW_WORKER_VOLUMES_BYTE_STREAM_H_

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

struct gzFile_s;

namespace alignflow {

// Whether bytes are unpacked where they begin as gzip does, or handed through in any case.
enum class Unpacking { kIfPacked, kNever };

// A file's bytes from `offset` on, as they are once unpacked by zlib: one after another, no more
// memory than asked for.
class ByteStream {
 public:
  explicit ByteStream(const std::filesystem::path& path, int64_t offset = 0,
                      Unpacking unpacking = Unpacking::kIfPacked);
  ~ByteStream();
  ByteStream(const ByteStream&) = delete;
  ByteStream& operator=(const ByteStream&) = delete;

  // Whether it could be opened: NotFound or PermissionDenied, with the remedy.
  absl::Status status() const;
  // To be asked once something was read.
  bool packed() const;

  // Fills `out` as far as there are bytes. InvalidArgument for damaged packing.
  absl::StatusOr<size_t> Read(std::span<char> out);
  // InvalidArgument where there are fewer.
  absl::Status Skip(int64_t count);

 private:
  int descriptor_ = -1;           // of what is handed through
  gzFile_s* unpacked_ = nullptr;  // of the rest
  int error_ = 0;
};

// The refusal of a file whose bytes are not what they should be.
absl::Status DamagedVolume(const std::string& reason);
absl::Status VolumeCutShort();

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_VOLUMES_BYTE_STREAM_H_
