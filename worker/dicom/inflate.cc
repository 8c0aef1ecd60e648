#include "worker/dicom/inflate.h"

#include <zlib.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "worker/dicom/element_walk.h"

namespace alignflow {

absl::StatusOr<std::string> Inflate(std::string_view packed, size_t most) {
  z_stream stream = {};
  if (inflateInit2(&stream, -MAX_WBITS) != Z_OK) {
    return absl::ResourceExhaustedError("there is not enough memory to unpack it; close programs");
  }
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
  stream.avail_in = static_cast<uInt>(packed.size());
  std::string out;
  std::string piece(size_t{1} << 16, '\0');
  int result = Z_OK;
  while (result == Z_OK && out.size() <= most) {
    stream.next_out = reinterpret_cast<Bytef*>(piece.data());
    stream.avail_out = static_cast<uInt>(piece.size());
    result = inflate(&stream, Z_NO_FLUSH);
    out.append(piece, 0, piece.size() - stream.avail_out);
  }
  inflateEnd(&stream);
  if (out.size() > most) {
    return absl::InvalidArgumentError(
        absl::StrCat("the DICOM file is deflated and holds more than ", most >> 20,
                     " MiB; store it uncompressed and in parts, or leave it out"));
  }
  if (result != Z_STREAM_END) return DamagedDicom("its deflated part cannot be unpacked");
  return out;
}

}  // namespace alignflow
