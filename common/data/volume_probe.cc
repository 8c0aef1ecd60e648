#include "common/data/volume_probe.h"

#include <zlib.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "common/data/byte_reader.h"
#include "common/data/format_probes.h"

namespace alignflow {
namespace {

constexpr size_t kEnough = 4096;  // packed bytes that hold a header

// The first bytes of a gzip file; fewer where it holds fewer or is damaged.
std::string Unpacked(std::string_view packed, size_t count) {
  z_stream stream = {};
  if (inflateInit2(&stream, MAX_WBITS + 16) != Z_OK) return "";
  std::string out(count, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
  stream.avail_in = static_cast<uInt>(packed.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(count);
  inflate(&stream, Z_SYNC_FLUSH);
  out.resize(count - stream.avail_out);
  inflateEnd(&stream);
  return out;
}

}  // namespace

bool IsPackedVolume(std::string_view bytes) {
  if (!bytes.starts_with("\x1f\x8b")) return false;
  // Both forms, in either byte order, begin with their header's length.
  const std::string length = Unpacked(bytes.substr(0, kEnough), 4);
  for (const bool big_endian : {false, true}) {
    const ByteReader reader(length, big_endian);
    if (length.size() == 4 && (reader.U32(0) == 348 || reader.U32(0) == 540)) return true;
  }
  return false;
}

absl::StatusOr<NiftiHeader> ProbeVolume(std::string_view beginning, FileRole role) {
  if (!IsPackedVolume(beginning)) {
    return absl::InvalidArgumentError("not a volume packed by gzip (.nii.gz); push it with afctl");
  }
  const std::string bytes = Unpacked(beginning.substr(0, kEnough), kCanonicalHeaderBytes);
  const absl::StatusOr<NiftiHeader> header = ParseNiftiHeader(bytes);
  if (!header.ok()) return header.status();
  if (CanonicalNiftiHeader(*header) != bytes) {
    return absl::InvalidArgumentError(
        "the volume's header holds more than geometry, or is written in another form; push it with "
        "afctl, which makes a file of the voxels and the geometry alone");
  }
  const bool fits = role == FileRole::kMask
                        ? header->type == NiftiType::kUint8
                        : header->type == NiftiType::kInt16 || header->type == NiftiType::kFloat32;
  if (!fits) {
    return absl::InvalidArgumentError(role == FileRole::kMask
                                          ? "a mask's voxels must be stored as uint8; push it with "
                                            "afctl"
                                          : "an image's voxels must be stored as int16 or float32; "
                                            "push it with afctl");
  }
  if (role == FileRole::kImage && !(header->low < header->high)) {
    return absl::InvalidArgumentError(
        "the volume does not say which values are black and white (cal_min and cal_max); push it "
        "with afctl");
  }
  return *header;
}

absl::Status CheckVolumeComplete(std::string_view bytes, const NiftiHeader& header) {
  const int64_t whole = kCanonicalHeaderBytes + header.grid.voxels() * BytesOf(header.type);
  const ByteReader reader(bytes, /*big_endian=*/false);
  if (bytes.size() >= 18 && reader.U32(bytes.size() - 4) == (whole & 0xffffffff)) {
    return absl::OkStatus();
  }
  return DamagedFile("the file does not hold all voxels that its header tells of");
}

}  // namespace alignflow
