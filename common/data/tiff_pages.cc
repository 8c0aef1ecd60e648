#include "common/data/tiff_pages.h"

#include <algorithm>

#include "common/data/byte_reader.h"

namespace alignflow {
namespace {

// Whether the directory's NewSubfileType says that it is a smaller version or a mask of another.
bool IsPartOfAnother(const ByteReader& reader, size_t directory, size_t entries) {
  constexpr uint32_t kNewSubfileType = 254, kReduced = 1, kMask = 4;
  for (size_t i = 0; i < entries; ++i) {
    const size_t entry = directory + 2 + i * 12;
    if (reader.U16(entry) == kNewSubfileType) {
      return (reader.U32(entry + 8).value_or(0) & (kReduced | kMask)) != 0;
    }
  }
  return false;
}

}  // namespace

int CountTiffPages(std::string_view bytes) {
  using namespace std::string_view_literals;
  if (!bytes.starts_with("II*\0"sv) && !bytes.starts_with("MM\0*"sv)) return 1;
  const ByteReader reader(bytes, bytes[0] == 'M');
  int pages = 0;
  size_t at = reader.U32(4).value_or(0);
  // A chain that leads in a circle ends at the limit.
  for (int visited = 0; at != 0 && visited < kMaxTiffPages; ++visited) {
    const size_t entries = reader.U16(at).value_or(0);
    if (entries == 0 || !reader.Holds(at + 2, entries * 12)) break;
    pages += visited == 0 || !IsPartOfAnother(reader, at, entries);
    at = reader.U32(at + 2 + entries * 12).value_or(0);
  }
  return std::max(pages, 1);
}

}  // namespace alignflow
