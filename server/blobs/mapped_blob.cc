#include "server/blobs/mapped_blob.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"

namespace alignflow {

absl::StatusOr<MappedBlob> MappedBlob::Open(const std::filesystem::path& file) {
  return Of(FileHandle(open(file.c_str(), O_RDONLY | O_CLOEXEC)));
}

absl::StatusOr<MappedBlob> MappedBlob::Of(const FileHandle& file) {
  struct stat info = {};
  if (file.get() < 0 || fstat(file.get(), &info) != 0) {
    return absl::NotFoundError("there is no such blob");
  }
  const auto size = static_cast<size_t>(info.st_size);
  if (size == 0) return MappedBlob(nullptr, 0);
  void* data = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.get(), 0);
  if (data == MAP_FAILED) return absl::InternalError(absl::StrCat("blobs: map: error ", errno));
  return MappedBlob(data, size);
}

MappedBlob::~MappedBlob() {
  if (data_ != nullptr) munmap(data_, size_);
}

MappedBlob::MappedBlob(MappedBlob&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

MappedBlob& MappedBlob::operator=(MappedBlob&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

}  // namespace alignflow
