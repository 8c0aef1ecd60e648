#ifndef ALIGNFLOW_WORKER_MODELS_SAFETENSORS_H_
#define ALIGNFLOW_WORKER_MODELS_SAFETENSORS_H_

#include <ATen/ATen.h>

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace alignflow {

// A safetensors file: 8 bytes of little-endian header length, a JSON header, the tensors' bytes.
// Types F32, F16, BF16, I64, I32 and U8. The file is mapped into memory, not read: a tensor costs
// nothing until it is used. The whole header is checked before anything is handed out, because the
// file may come from anyone: every offset inside the file, no overlap, no gap, no byte behind the
// last tensor, sizes that fit their shapes. Throws std::runtime_error naming file and tensor.
// Thread-safe.
class SafetensorsFile {
 public:
  explicit SafetensorsFile(const std::filesystem::path& file);

  std::vector<std::string> Names() const;  // sorted
  bool Has(const std::string& name) const { return entries_.contains(name); }
  // A view of the mapped file, which lives as long as the tensor: clone it before writing to it.
  // Throws when there is none.
  at::Tensor Get(const std::string& name) const;
  const std::map<std::string, std::string>& metadata() const { return metadata_; }

 private:
  struct Entry {
    at::ScalarType dtype;
    std::vector<int64_t> shape;
    uint64_t begin;  // from the start of the file
    uint64_t end;
  };
  struct Mapping;

  void ParseHeader(uint64_t header_size);

  std::filesystem::path file_;
  std::shared_ptr<const Mapping> mapping_;
  std::map<std::string, Entry> entries_;
  std::map<std::string, std::string> metadata_;
};

// The bytes of a file with these tensors, from any device and layout. The same input gives the same
// bytes. Throws std::invalid_argument naming a tensor whose type the format (as read here) lacks.
std::string SerializeSafetensors(const std::map<std::string, at::Tensor>& tensors,
                                 const std::map<std::string, std::string>& metadata);

// Writes to a temporary file beside `file`, flushes it to disk and renames it: a reader sees the
// old file or the whole new one. Throws std::runtime_error naming the file; the temporary file is
// then gone.
void WriteSafetensors(const std::filesystem::path& file,
                      const std::map<std::string, at::Tensor>& tensors,
                      const std::map<std::string, std::string>& metadata);

// Copies `source` into the tensors of `target` of the same names, converting floating types. Throws
// std::runtime_error that lists every unknown, missing and wrongly shaped name at once after `what`
// (a file or model name); nothing is copied then.
void CopyState(const std::map<std::string, at::Tensor>& source,
               const std::map<std::string, at::Tensor>& target, const std::string& what);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_MODELS_SAFETENSORS_H_
