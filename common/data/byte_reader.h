#ifndef ALIGNFLOW_COMMON_DATA_BYTE_READER_H_
#define ALIGNFLOW_COMMON_DATA_BYTE_READER_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace alignflow {

// Integers at any offset of the bytes; nothing where they would reach beyond the end.
class ByteReader {
 public:
  ByteReader(std::string_view bytes, bool big_endian) : bytes_(bytes), big_endian_(big_endian) {}

  std::optional<uint64_t> U8(uint64_t at) const { return Read(at, 1); }
  std::optional<uint64_t> U16(uint64_t at) const { return Read(at, 2); }
  std::optional<uint64_t> U24(uint64_t at) const { return Read(at, 3); }
  std::optional<uint64_t> U32(uint64_t at) const { return Read(at, 4); }
  std::optional<uint64_t> U64(uint64_t at) const { return Read(at, 8); }
  bool Holds(uint64_t at, uint64_t count) const {
    return at <= bytes_.size() && count <= bytes_.size() - at;
  }
  // The bytes there, cut off at the end.
  std::string_view Bytes(uint64_t at, uint64_t count) const {
    return at <= bytes_.size() ? bytes_.substr(at, count) : std::string_view();
  }

 private:
  std::optional<uint64_t> Read(uint64_t at, size_t count) const {
    if (!Holds(at, count)) return std::nullopt;
    uint64_t value = 0;
    for (size_t i = 0; i < count; ++i) {
      const size_t byte = big_endian_ ? i : count - 1 - i;
      value = value << 8 | static_cast<uint8_t>(bytes_[at + byte]);
    }
    return value;
  }

  std::string_view bytes_;
  bool big_endian_;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_COMMON_DATA_BYTE_READER_H_
