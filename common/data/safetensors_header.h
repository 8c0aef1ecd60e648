#ifndef ALIGNFLOW_COMMON_DATA_SAFETENSORS_HEADER_H_
#define ALIGNFLOW_COMMON_DATA_SAFETENSORS_HEADER_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

// What a safetensors file says that it holds, without its tensors: 8 bytes of little-endian length,
// then so many bytes of JSON. For programs that know no tensors; worker/models/safetensors.h reads
// them by the same rules. Pure. Errors are InvalidArgument.
namespace alignflow {

struct SafetensorsHeader {
  struct Tensor {
    std::string type;  // "F32", "F16", "BF16", "I64", "I32" or "U8"
    std::vector<int64_t> shape;
    bool operator==(const Tensor&) const = default;
  };
  std::map<std::string, Tensor> tensors;
  std::map<std::string, std::string> metadata;
};

inline constexpr int64_t kSafetensorsLengthBytes = 8;

// The length of the JSON text, from the file's first 8 bytes and its size.
absl::StatusOr<int64_t> SafetensorsHeaderLength(std::string_view first_bytes, int64_t file_bytes);

// The header from its JSON text. Every tensor must lie inside the `data_bytes` behind it, with as
// many bytes as its type and shape need, without overlap, gap or rest.
absl::StatusOr<SafetensorsHeader> ParseSafetensorsHeader(std::string_view json, int64_t data_bytes);

}  // namespace alignflow

#endif  // ALIGNFLOW_COMMON_DATA_SAFETENSORS_HEADER_H_
