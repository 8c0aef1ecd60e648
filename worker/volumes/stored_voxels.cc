#include "worker/volumes/stored_voxels.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <span>
#include <system_error>
#include <vector>

#include "absl/strings/str_cat.h"
#include "worker/volumes/turning.h"

namespace alignflow {
namespace {

constexpr size_t kVoxelsPiece = size_t{1} << 16;
constexpr int64_t kMostDeflated = 1032;  // bytes that one byte of deflate can become

template <typename T>
T Loaded(const char* bytes, bool big_endian) {
  std::array<char, sizeof(T)> ordered;
  std::memcpy(ordered.data(), bytes, sizeof(T));
  if (big_endian) std::ranges::reverse(ordered);
  return std::bit_cast<T>(ordered);
}

// Calls `put` with each value of a piece, before slope and intercept.
template <typename Put>
void ForEachStored(const NiftiHeader& header, std::span<const char> piece, Put put) {
  const auto each = [&]<typename T>(T) {
    for (size_t at = 0; at + sizeof(T) <= piece.size(); at += sizeof(T)) {
      put(static_cast<double>(Loaded<T>(piece.data() + at, header.big_endian)));
    }
  };
  switch (header.type) {
    case NiftiType::kUint8:
      return each(uint8_t{});
    case NiftiType::kInt8:
      return each(int8_t{});
    case NiftiType::kInt16:
      return each(int16_t{});
    case NiftiType::kUint16:
      return each(uint16_t{});
    case NiftiType::kInt32:
      return each(int32_t{});
    case NiftiType::kUint32:
      return each(uint32_t{});
    case NiftiType::kFloat32:
      return each(float{});
    case NiftiType::kFloat64:
      return each(double{});
    case NiftiType::kInt64:
      return each(int64_t{});
    case NiftiType::kUint64:
      return each(uint64_t{});
  }
}

}  // namespace

absl::Status CheckHoldsVoxels(const std::filesystem::path& path, bool packed,
                              const NiftiHeader& header) {
  std::error_code error;
  const auto bytes = static_cast<int64_t>(std::filesystem::file_size(path, error));
  if (error) return DamagedVolume("the file is no regular file");
  const int64_t whole = header.data_offset + header.grid.voxels() * BytesOf(header.type);
  if (packed ? bytes >= whole / kMostDeflated : bytes >= whole) return absl::OkStatus();
  return VolumeCutShort();
}

absl::Status RefuseNoNumbers(int64_t count, int64_t voxels) {
  return absl::InvalidArgumentError(absl::StrCat(
      count, " of ", voxels,
      " voxels are no numbers (NaN or infinite); give them the value of what lies around the "
      "patient, such as with numpy.nan_to_num"));
}

absl::StatusOr<Volume> ReadStoredVoxels(ByteStream& stream, const NiftiHeader& header) {
  const Turning turning = TurningOf(header.grid);
  Volume volume{.grid = Turned(header.grid, turning),
                .voxels = std::vector<float>(header.grid.voxels()),
                .low = header.low,
                .high = header.high,
                .oriented = header.oriented};
  TurnedPlaces places(header.grid, volume.grid, turning);
  std::vector<char> piece(kVoxelsPiece);
  int64_t left = header.grid.voxels() * BytesOf(header.type), not_numbers = 0;
  const bool scaled = header.slope != 1 || header.inter != 0;
  while (left > 0) {
    const auto wanted = static_cast<size_t>(std::min<int64_t>(left, kVoxelsPiece));
    const absl::StatusOr<size_t> read = stream.Read({piece.data(), wanted});
    if (!read.ok()) return read.status();
    if (*read < wanted) return VolumeCutShort();
    ForEachStored(header, {piece.data(), wanted}, [&](double stored) {
      const auto value = static_cast<float>(scaled ? header.slope * stored + header.inter : stored);
      not_numbers += std::isfinite(value) ? 0 : 1;
      volume.voxels[places.Next()] = value;
    });
    left -= static_cast<int64_t>(wanted);
  }
  // One byte more has zlib check the packing's own sum at its end.
  const absl::StatusOr<size_t> rest = stream.Read({piece.data(), 1});
  if (!rest.ok()) return rest.status();
  if (not_numbers > 0) return RefuseNoNumbers(not_numbers, header.grid.voxels());
  return volume;
}

}  // namespace alignflow
