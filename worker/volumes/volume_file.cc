#include "worker/volumes/volume_file.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <span>
#include <system_error>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace alignflow {
namespace {

namespace fs = std::filesystem;

constexpr size_t kPiece = size_t{1} << 16;
constexpr int64_t kMostDeflated = 1032;  // bytes that one byte of deflate can become
constexpr int kPackLevel = 4;

absl::Status Damaged(const std::string& reason) {
  return absl::InvalidArgumentError(
      absl::StrCat(reason, "; copy the file again from where it came from, or export it again"));
}

// Bytes of a file as they are once unpacked; zlib hands those of an unpacked file through.
class Stream {
 public:
  explicit Stream(const fs::path& path)
      : file_(gzopen(path.c_str(), "rb"), &gzclose), error_(file_ ? 0 : errno) {
    if (file_) gzbuffer(file_.get(), kPiece);
  }
  // Whether it could be opened.
  absl::Status status() const {
    if (file_) return absl::OkStatus();
    return error_ == EACCES
               ? absl::PermissionDeniedError("no permission to read the file; chmod u+r")
               : absl::NotFoundError("the file can't be opened; check the path");
  }
  // To be asked once something was read.
  bool packed() const { return gzdirect(file_.get()) == 0; }

  // Fills `out` as far as there are bytes.
  absl::StatusOr<size_t> Read(std::span<char> out) {
    const int count = gzread(file_.get(), out.data(), static_cast<unsigned>(out.size()));
    if (count >= 0 && (static_cast<size_t>(count) == out.size() || Whole())) {
      return static_cast<size_t>(count);
    }
    return Damaged("the file's gzip packing is damaged or cut short");
  }

 private:
  // At the end of the file: whether it ended where it should.
  bool Whole() const {
    int error = Z_OK;
    gzerror(file_.get(), &error);
    return error == Z_OK || error == Z_STREAM_END;
  }

  std::unique_ptr<std::remove_pointer_t<gzFile>, int (*)(gzFile)> file_;
  int error_;
};

// Which of a file's axes becomes right, front and up, and which of them are mirrored.
struct Turning {
  std::array<int, 3> from{0, 1, 2};
  std::array<bool, 3> mirrored{};
};

Turning TurningOf(const VolumeGrid& grid) {
  const std::array<double, 3> spacing = grid.Spacing();
  std::array<int, 3> order{0, 1, 2};
  Turning best;
  double greatest = -1;
  do {
    double sum = 0;
    for (int row = 0; row < 3; ++row) {
      sum += std::abs(grid.affine[4 * row + order[row]]) / spacing[order[row]];
    }
    if (sum > greatest + 1e-9) {
      greatest = sum;
      best.from = order;
    }
  } while (std::ranges::next_permutation(order).found);
  for (int row = 0; row < 3; ++row) {
    best.mirrored[row] = grid.affine[4 * row + best.from[row]] < 0;
  }
  return best;
}

VolumeGrid Turned(const VolumeGrid& grid, const Turning& turning) {
  VolumeGrid turned;
  for (int row = 0; row < 3; ++row) turned.affine[4 * row + 3] = grid.affine[4 * row + 3];
  for (int axis = 0; axis < 3; ++axis) {
    const int from = turning.from[axis];
    turned.size[axis] = grid.size[from];
    const double sign = turning.mirrored[axis] ? -1 : 1;
    for (int row = 0; row < 3; ++row) {
      const double step = grid.affine[4 * row + from];
      turned.affine[4 * row + axis] = sign * step;
      if (sign < 0) {
        turned.affine[4 * row + 3] += step * static_cast<double>(grid.size[from] - 1);
      }
    }
  }
  return turned;
}

// Where a file's voxels, one after another, go in the turned volume.
class Places {
 public:
  Places(const VolumeGrid& grid, const VolumeGrid& turned, const Turning& turning)
      : size_(grid.size) {
    const std::array<int64_t, 3> stride{1, turned.size[0], turned.size[0] * turned.size[1]};
    for (int axis = 0; axis < 3; ++axis) {
      const int from = turning.from[axis];
      step_[from] = turning.mirrored[axis] ? -stride[axis] : stride[axis];
      if (turning.mirrored[axis]) place_ += stride[axis] * (turned.size[axis] - 1);
    }
  }

  int64_t Next() {
    const int64_t place = place_;
    place_ += step_[0];
    if (++at_[0] < size_[0]) return place;
    place_ += step_[1] - at_[0] * step_[0];
    at_[0] = 0;
    if (++at_[1] < size_[1]) return place;
    place_ += step_[2] - at_[1] * step_[1];
    at_[1] = 0;
    return place;
  }

 private:
  std::array<int64_t, 3> size_, at_{}, step_{};
  int64_t place_ = 0;
};

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

absl::Status CutShort() { return Damaged("the file ends before its last voxel"); }

// Whether a file of this size can hold what its header tells of.
absl::Status CheckFileSize(int64_t file_bytes, bool packed, int64_t whole) {
  if (packed ? file_bytes >= whole / kMostDeflated : file_bytes >= whole) return absl::OkStatus();
  return CutShort();
}

absl::Status Skip(Stream& stream, int64_t count, std::vector<char>& piece) {
  while (count > 0) {
    const auto wanted = static_cast<size_t>(std::min<int64_t>(count, piece.size()));
    const absl::StatusOr<size_t> read = stream.Read({piece.data(), wanted});
    if (!read.ok()) return read.status();
    if (*read < wanted) return CutShort();
    count -= static_cast<int64_t>(wanted);
  }
  return absl::OkStatus();
}

absl::Status ReadVoxels(Stream& stream, const NiftiHeader& header, Volume& volume) {
  const Turning turning = TurningOf(header.grid);
  volume.grid = Turned(header.grid, turning);
  Places places(header.grid, volume.grid, turning);
  volume.voxels.resize(header.grid.voxels());
  std::vector<char> piece(kPiece);
  int64_t left = header.grid.voxels() * BytesOf(header.type), not_numbers = 0;
  const bool scaled = header.slope != 1 || header.inter != 0;
  while (left > 0) {
    const auto wanted = static_cast<size_t>(std::min<int64_t>(left, kPiece));
    const absl::StatusOr<size_t> read = stream.Read({piece.data(), wanted});
    if (!read.ok()) return read.status();
    if (*read < wanted) return CutShort();
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
  if (not_numbers == 0) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      not_numbers, " of ", header.grid.voxels(),
      " voxels are no numbers (NaN or infinite); give them the value of what lies around the "
      "patient, such as with numpy.nan_to_num"));
}

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
  std::vector<char> piece_ = std::vector<char>(kPiece);
  std::string packed_;
};

template <typename T>
void AddVoxels(const std::vector<float>& voxels, Packer& packer) {
  std::vector<T> piece;
  for (size_t at = 0; at < voxels.size(); at += piece.size()) {
    const size_t count = std::min(kPiece / sizeof(T), voxels.size() - at);
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
  Stream stream(path);
  absl::Status opened = stream.status();
  if (!opened.ok()) return opened;
  std::vector<char> bytes(kNiftiHeaderBytes);
  const absl::StatusOr<size_t> read = stream.Read(bytes);
  if (!read.ok()) return read.status();
  if (*read == 0) return Damaged("the file is empty");
  absl::StatusOr<NiftiHeader> header = ParseNiftiHeader({bytes.data(), *read});
  if (!header.ok()) return header;
  std::error_code error;
  const auto file_bytes = static_cast<int64_t>(fs::file_size(path, error));
  if (error) return Damaged("the file is no regular file");
  const int64_t whole = header->data_offset + header->grid.voxels() * BytesOf(header->type);
  absl::Status fits = CheckFileSize(file_bytes, stream.packed(), whole);
  if (!fits.ok()) return fits;
  return header;
}

absl::StatusOr<Volume> ReadVolume(const fs::path& path) {
  const absl::StatusOr<NiftiHeader> header = ReadVolumeHeader(path);
  if (!header.ok()) return header.status();
  Stream stream(path);
  absl::Status status = stream.status();
  std::vector<char> piece(kPiece);
  if (status.ok()) status = Skip(stream, header->data_offset, piece);
  Volume volume{.grid = {},
                .voxels = {},
                .low = header->low,
                .high = header->high,
                .oriented = header->oriented};
  if (status.ok()) status = ReadVoxels(stream, *header, volume);
  if (!status.ok()) return status;
  return volume;
}

bool IsSameGrid(const VolumeGrid& a, const VolumeGrid& b) {
  if (a.size != b.size) return false;
  const std::array<double, 3> spacing = a.Spacing();
  const double near = 0.01 * *std::ranges::min_element(spacing);
  for (int row = 0; row < 3; ++row) {
    double apart = std::abs(a.affine[4 * row + 3] - b.affine[4 * row + 3]);
    for (int axis = 0; axis < 3; ++axis) {
      // Steps add up to the far end.
      apart += std::abs(a.affine[4 * row + axis] - b.affine[4 * row + axis]) *
               static_cast<double>(a.size[axis]);
    }
    if (apart > near + 1e-3) return false;
  }
  return true;
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
