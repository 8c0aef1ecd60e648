#include "worker/volumes/volume_file.h"

#include <zlib.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>
#include <type_traits>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "worker/volumes/byte_stream.h"
#include "worker/volumes/stored_voxels.h"

namespace alignflow {
namespace {

namespace fs = std::filesystem;

constexpr size_t kVolumePiece = size_t{1} << 16;
constexpr int kPackLevel = 4;

// Packs bytes as they come.
class Packer {
 public:
  Packer() {
    deflateInit2(&stream_, kPackLevel, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY);
  }
  ~Packer() { deflateEnd(&stream_); }
  Packer(const Packer&) = delete;
  Packer& operator=(const Packer&) = delete;

  void Add(std::string_view bytes, bool last) {
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
    stream_.avail_in = static_cast<uInt>(bytes.size());
    do {
      stream_.next_out = reinterpret_cast<Bytef*>(piece_.data());
      stream_.avail_out = static_cast<uInt>(piece_.size());
      deflate(&stream_, last ? Z_FINISH : Z_NO_FLUSH);
      packed_.append(piece_.data(), piece_.size() - stream_.avail_out);
    } while (stream_.avail_out == 0);
  }
  std::string Take() { return std::move(packed_); }

 private:
  z_stream stream_ = {};
  std::vector<char> piece_ = std::vector<char>(kVolumePiece);
  std::string packed_;
};

template <typename T>
void AddVoxels(const std::vector<float>& voxels, Packer& packer) {
  std::vector<T> piece;
  for (size_t at = 0; at < voxels.size(); at += piece.size()) {
    const size_t count = std::min(kVolumePiece / sizeof(T), voxels.size() - at);
    piece.resize(count);
    for (size_t i = 0; i < count; ++i) {
      if constexpr (std::is_integral_v<T>) {
        piece[i] = static_cast<T>(std::clamp<float>(std::nearbyint(voxels[at + i]),
                                                    std::numeric_limits<T>::min(),
                                                    std::numeric_limits<T>::max()));
      } else {
        piece[i] = voxels[at + i];
      }
    }
    packer.Add({reinterpret_cast<const char*>(piece.data()), count * sizeof(T)},
               at + count == voxels.size());
  }
}

}  // namespace

bool HasVolumeName(const fs::path& path) {
  const std::string name = absl::AsciiStrToLower(path.filename().string());
  return absl::EndsWith(name, ".nii") || absl::EndsWith(name, ".nii.gz");
}

std::string VolumeStem(const fs::path& path) {
  const std::string name = path.filename().string();
  const bool packed = absl::EndsWith(absl::AsciiStrToLower(name), ".gz");
  return name.substr(0, name.size() - (packed ? 7 : 4));
}

absl::StatusOr<NiftiHeader> ReadVolumeHeader(const fs::path& path) {
  ByteStream stream(path);
  absl::Status opened = stream.status();
  if (!opened.ok()) return opened;
  std::vector<char> bytes(kNiftiHeaderBytes);
  const absl::StatusOr<size_t> read = stream.Read(bytes);
  if (!read.ok()) return read.status();
  if (*read == 0) return DamagedVolume("the file is empty");
  absl::StatusOr<NiftiHeader> header = ParseNiftiHeader({bytes.data(), *read});
  if (!header.ok()) return header;
  absl::Status fits = CheckHoldsVoxels(path, stream.packed(), *header);
  if (!fits.ok()) return fits;
  return header;
}

absl::StatusOr<Volume> ReadVolume(const fs::path& path) {
  const absl::StatusOr<NiftiHeader> header = ReadVolumeHeader(path);
  if (!header.ok()) return header.status();
  ByteStream stream(path);
  absl::Status status = stream.status();
  if (status.ok()) status = stream.Skip(header->data_offset);
  if (!status.ok()) return status;
  return ReadStoredVoxels(stream, *header);
}

NiftiType ImageTypeOf(const Volume& volume) {
  const bool whole = std::ranges::all_of(volume.voxels, [](float value) {
    return value >= -32768 && value <= 32767 && value == std::floor(value);
  });
  return whole ? NiftiType::kInt16 : NiftiType::kFloat32;
}

std::string PackVolume(const Volume& volume, NiftiType type) {
  Packer packer;
  packer.Add(CanonicalNiftiHeader(
                 {.grid = volume.grid, .type = type, .low = volume.low, .high = volume.high}),
             false);
  switch (type) {
    case NiftiType::kUint8:
      AddVoxels<uint8_t>(volume.voxels, packer);
      break;
    case NiftiType::kInt16:
      AddVoxels<int16_t>(volume.voxels, packer);
      break;
    default:
      AddVoxels<float>(volume.voxels, packer);
      break;
  }
  return packer.Take();
}

}  // namespace alignflow
