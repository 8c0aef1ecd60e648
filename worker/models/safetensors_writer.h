#ifndef ALIGNFLOW_WORKER_MODELS_SAFETENSORS_WRITER_H_
#define ALIGNFLOW_WORKER_MODELS_SAFETENSORS_WRITER_H_

#include <ATen/ATen.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace alignflow {

// The types of safetensors.h under the format's names.
struct SafetensorsType {
  std::string_view name;
  at::ScalarType type;
};
inline constexpr SafetensorsType kSafetensorsTypes[] = {{"F32", at::kFloat},     {"F16", at::kHalf},
                                                        {"BF16", at::kBFloat16}, {"I64", at::kLong},
                                                        {"I32", at::kInt},       {"U8", at::kByte}};

struct TensorShape {
  at::ScalarType type;
  std::vector<int64_t> sizes;

  int64_t elements() const;
};

// A file's first bytes and where its tensors lie.
struct SafetensorsLayout {
  // Throws std::invalid_argument naming a tensor whose type the format lacks.
  SafetensorsLayout(const std::map<std::string, TensorShape>& tensors,
                    const std::map<std::string, std::string>& metadata);

  std::string header;                    // with its length before it
  std::vector<std::string> order;        // names as the tensors lie, wide types first
  std::map<std::string, int64_t> begin;  // of each, from the start of the file
  int64_t size = 0;                      // of the file
};

// Writes a safetensors file whose tensors need not be in memory at once: their shapes are given
// first, their rows come in any order. Into a temporary file beside `file`, which has its whole
// size from the start (so a full disk shows before anything is computed) and is flushed and renamed
// by Finish: a reader sees the old file or the whole new one. All throw std::runtime_error naming
// the file; without Finish nothing is left. Used from one thread.
class SafetensorsWriter {
 public:
  SafetensorsWriter(const std::filesystem::path& file,
                    const std::map<std::string, TensorShape>& tensors,
                    const std::map<std::string, std::string>& metadata);
  ~SafetensorsWriter();
  SafetensorsWriter(const SafetensorsWriter&) = delete;
  SafetensorsWriter& operator=(const SafetensorsWriter&) = delete;

  // The rows [first, first + rows.size(0)) of a tensor, from any device and layout. Throws
  // std::invalid_argument unless they are of its type and shape.
  void WriteRows(const std::string& name, int64_t first, const at::Tensor& rows);
  // The whole tensor.
  void Write(const std::string& name, const at::Tensor& tensor);
  // Call it once, and nothing after it. What was not written is zero. A file that does not outlive
  // the process need not be flushed to the disk.
  void Finish(bool flush = true);

 private:
  void Put(const void* data, int64_t size, int64_t position);

  std::filesystem::path file_, temporary_;
  std::map<std::string, TensorShape> shapes_;
  SafetensorsLayout layout_;
  int descriptor_ = -1;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_MODELS_SAFETENSORS_WRITER_H_
