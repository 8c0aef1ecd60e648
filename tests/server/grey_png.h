#ifndef ALIGNFLOW_TESTS_SERVER_GREY_PNG_H_
#define ALIGNFLOW_TESTS_SERVER_GREY_PNG_H_

#include <array>
#include <cstdint>
#include <string>

namespace alignflow {

inline std::string BigEndian(uint32_t value) {
  return {static_cast<char>(value >> 24), static_cast<char>(value >> 16),
          static_cast<char>(value >> 8), static_cast<char>(value)};
}

// A chunk of a PNG file, with its CRC (PNG specification, annex D).
inline std::string PngChunk(const std::string& type, const std::string& data) {
  uint32_t crc = 0xffffffff;
  for (const char c : type + data) {
    crc ^= static_cast<uint8_t>(c);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ (crc & 1 ? 0xedb88320u : 0);
  }
  return BigEndian(static_cast<uint32_t>(data.size())) + type + data + BigEndian(~crc);
}

// A PNG header that claims a size, with little behind it: what a decompression bomb looks like.
inline std::string PngClaiming(uint32_t width, uint32_t height, const std::string& pixels) {
  const std::string header =
      BigEndian(width) + BigEndian(height) + std::string({8, 0, 0, 0, 0});  // 8-bit grey
  return std::string("\x89PNG\r\n\x1a\n", 8) + PngChunk("IHDR", header) + PngChunk("IDAT", pixels) +
         PngChunk("IEND", "");
}

// A small 8-bit grey image of one value, uncompressed. At most some 60,000 pixels.
inline std::string GreyPng(int width, int height, uint8_t value) {
  std::string rows;
  for (int y = 0; y < height; ++y) rows += '\0' + std::string(width, static_cast<char>(value));
  uint32_t a = 1, b = 0;  // Adler-32
  for (const char c : rows) {
    a = (a + static_cast<uint8_t>(c)) % 65521;
    b = (b + a) % 65521;
  }
  const auto size = static_cast<uint16_t>(rows.size());
  const std::string stored = {'\x78',
                              '\x01',
                              '\x01',
                              static_cast<char>(size & 0xff),
                              static_cast<char>(size >> 8),
                              static_cast<char>(~size & 0xff),
                              static_cast<char>(static_cast<uint16_t>(~size) >> 8)};
  return PngClaiming(width, height, stored + rows + BigEndian(b << 16 | a));
}

}  // namespace alignflow

#endif  // ALIGNFLOW_TESTS_SERVER_GREY_PNG_H_
