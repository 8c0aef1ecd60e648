#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>

#include "absl/strings/str_cat.h"
#include "common/data/byte_reader.h"
#include "common/data/format_probes.h"

namespace alignflow {
namespace {

constexpr uint64_t kFirstChunk = 8;  // behind the signature

struct Chunk {
  uint64_t at = 0;      // of its length field
  uint64_t length = 0;  // of its data
  std::string_view type;
};

// The chunk at `at` if its type is in the file, even if its data is not.
std::optional<Chunk> ChunkAt(const ByteReader& reader, uint64_t at) {
  if (!reader.Holds(at, 8)) return std::nullopt;
  return Chunk{at, *reader.U32(at), reader.Bytes(at + 4, 4)};
}
uint64_t Next(const Chunk& chunk) { return chunk.at + 12 + chunk.length; }

constexpr std::array<uint32_t, 256> MakeCrcTable() {
  std::array<uint32_t, 256> table{};
  for (uint32_t n = 0; n < 256; ++n) {
    uint32_t c = n;
    for (int k = 0; k < 8; ++k) c = c & 1 ? 0xedb88320u ^ c >> 1 : c >> 1;
    table[n] = c;
  }
  return table;
}

uint32_t Crc32(std::string_view bytes) {
  static constexpr std::array<uint32_t, 256> kTable = MakeCrcTable();
  uint32_t crc = 0xffffffffu;
  for (const char byte : bytes) crc = kTable[(crc ^ static_cast<uint8_t>(byte)) & 0xff] ^ crc >> 8;
  return crc ^ 0xffffffffu;
}

bool HasDepth(int color, int bits) {
  if (bits == 8) return true;
  if (bits == 16) return color != 3;
  return (color == 0 || color == 3) && (bits == 1 || bits == 2 || bits == 4);
}

}  // namespace

absl::StatusOr<ImageHeader> ProbePng(std::string_view bytes) {
  const ByteReader reader(bytes, /*big_endian=*/true);
  if (!reader.Holds(8, 25) || bytes.substr(12, 4) != "IHDR" || *reader.U32(8) != 13) {
    return DamagedFile("the PNG header is missing or cut short");
  }
  const int color = static_cast<int>(*reader.U8(25)), bits = static_cast<int>(*reader.U8(24));
  constexpr std::array<int, 7> kChannels = {1, 0, 3, 1, 2, 0, 4};  // by colour type
  if (color > 6 || kChannels[color] == 0 || !HasDepth(color, bits)) {
    return DamagedFile(
        absl::StrCat("the PNG header has no such colour type: ", color, " with ", bits, " bits"));
  }
  ImageHeader header{.format = ImageFormat::kPng,
                     .width = static_cast<int64_t>(*reader.U32(16)),
                     .height = static_cast<int64_t>(*reader.U32(20)),
                     .channels = kChannels[color],
                     .bits = bits,
                     .palette = color == 3,
                     .alpha = color == 4 || color == 6};
  for (auto chunk = ChunkAt(reader, kFirstChunk); chunk && chunk->type != "IEND";
       chunk = ChunkAt(reader, Next(*chunk))) {
    if (chunk->type == "eXIf") {
      header.orientation = ExifOrientation(reader.Bytes(chunk->at + 8, chunk->length));
    }
    if (chunk->type == "acTL") {
      const uint64_t frames = reader.U32(chunk->at + 8).value_or(1);
      header.pictures = static_cast<int>(std::clamp<uint64_t>(frames, 1, kMostPictures));
    }
  }
  return header;
}

absl::Status CheckPngComplete(std::string_view bytes) {
  const ByteReader reader(bytes, /*big_endian=*/true);
  bool data = false;
  for (uint64_t at = kFirstChunk;;) {
    if (!reader.Holds(at, 12)) return DamagedFile("the PNG is cut short: it has no end chunk");
    const Chunk chunk = *ChunkAt(reader, at);
    if (!reader.Holds(at, 12 + chunk.length)) {
      return DamagedFile("the PNG is cut short inside a chunk");
    }
    if (Crc32(reader.Bytes(at + 4, 4 + chunk.length)) != *reader.U32(at + 8 + chunk.length)) {
      return DamagedFile("a PNG chunk is damaged: its checksum does not match");
    }
    data = data || chunk.type == "IDAT";
    if (chunk.type == "IEND") break;
    at = Next(chunk);
  }
  return data ? absl::OkStatus() : DamagedFile("the PNG holds no pixels");
}

}  // namespace alignflow
