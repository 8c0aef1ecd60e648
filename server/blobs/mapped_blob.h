#ifndef ALIGNFLOW_SERVER_BLOBS_MAPPED_BLOB_H_
#define ALIGNFLOW_SERVER_BLOBS_MAPPED_BLOB_H_

#include <cstddef>
#include <filesystem>
#include <string_view>

#include "absl/status/statusor.h"
#include "server/blobs/blob_stream.h"

namespace alignflow {

// A blob's file as memory: of a large one only what is looked at is read. Its digest is not
// checked. The bytes stay when the file is removed.
class MappedBlob {
 public:
  // NotFound if it is not there.
  static absl::StatusOr<MappedBlob> Open(const std::filesystem::path& file);
  // The whole file, which may then be closed.
  static absl::StatusOr<MappedBlob> Of(const FileHandle& file);
  ~MappedBlob();
  MappedBlob(MappedBlob&& other) noexcept;
  MappedBlob& operator=(MappedBlob&& other) noexcept;

  std::string_view bytes() const { return {static_cast<const char*>(data_), size_}; }

 private:
  MappedBlob(void* data, size_t size) : data_(data), size_(size) {}

  void* data_;
  size_t size_;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_BLOBS_MAPPED_BLOB_H_
