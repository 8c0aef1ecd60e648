#include "worker/volumes/byte_stream.h"

#include <fcntl.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "absl/strings/str_cat.h"

namespace alignflow {
namespace {

constexpr size_t kPiece = size_t{1} << 16;

}  // namespace

ByteStream::ByteStream(const std::filesystem::path& path, int64_t offset, Unpacking unpacking)
    : descriptor_(open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
  if (descriptor_ < 0 || lseek(descriptor_, offset, SEEK_SET) < 0) {
    error_ = errno;
    return;
  }
  if (unpacking == Unpacking::kNever) return;
  unpacked_ = gzdopen(descriptor_, "rb");
  if (unpacked_ == nullptr) {
    error_ = ENOMEM;
    return;
  }
  descriptor_ = -1;
  gzbuffer(unpacked_, kPiece);
}

ByteStream::~ByteStream() {
  if (unpacked_ != nullptr) gzclose(unpacked_);
  if (descriptor_ >= 0) close(descriptor_);
}

absl::Status ByteStream::status() const {
  if (error_ == 0) return absl::OkStatus();
  return error_ == EACCES ? absl::PermissionDeniedError("no permission to read the file; chmod u+r")
                          : absl::NotFoundError("the file can't be opened; check the path");
}

bool ByteStream::packed() const { return unpacked_ != nullptr && gzdirect(unpacked_) == 0; }

absl::StatusOr<size_t> ByteStream::Read(std::span<char> out) {
  if (unpacked_ == nullptr) {
    size_t done = 0;
    while (done < out.size()) {
      const ssize_t count = read(descriptor_, out.data() + done, out.size() - done);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return DamagedVolume("the file cannot be read to its end");
      if (count == 0) break;
      done += static_cast<size_t>(count);
    }
    return done;
  }
  const int count = gzread(unpacked_, out.data(), static_cast<unsigned>(out.size()));
  int error = Z_OK;
  if (count >= 0 && static_cast<size_t>(count) < out.size()) gzerror(unpacked_, &error);
  // At the end of the file: whether it ended where it should.
  if (count >= 0 && (error == Z_OK || error == Z_STREAM_END)) return static_cast<size_t>(count);
  return DamagedVolume("the file's gzip packing is damaged or cut short");
}

absl::Status ByteStream::Skip(int64_t count) {
  std::vector<char> piece(kPiece);
  while (count > 0) {
    const auto wanted = static_cast<size_t>(std::min<int64_t>(count, kPiece));
    const absl::StatusOr<size_t> read = Read({piece.data(), wanted});
    if (!read.ok()) return read.status();
    if (*read < wanted) return VolumeCutShort();
    count -= static_cast<int64_t>(wanted);
  }
  return absl::OkStatus();
}

absl::Status DamagedVolume(const std::string& reason) {
  return absl::InvalidArgumentError(
      absl::StrCat(reason, "; copy the file again from where it came from, or export it again"));
}

absl::Status VolumeCutShort() { return DamagedVolume("the file ends before its last voxel"); }

}  // namespace alignflow
