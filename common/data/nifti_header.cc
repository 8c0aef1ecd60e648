#include "common/data/nifti_header.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <optional>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/data/byte_reader.h"

namespace alignflow {
namespace {

using namespace std::string_view_literals;

absl::Status Refuse(const std::string& reason, const std::string& remedy) {
  return absl::InvalidArgumentError(absl::StrCat(reason, "; ", remedy));
}

absl::Status Damaged(const std::string& reason) {
  return Refuse(reason, "copy the file again from where it came from, or export it again");
}

// Where NIfTI-1 and NIfTI-2 have their fields, and how wide these are.
struct Layout {
  uint64_t size, magic, dim, type, pixdim, offset, slope, inter, most, least, qform, sform, quatern,
      qoffset, srow, units;
  size_t integer, real, code;  // bytes of dim, of reals, of qform and sform
};
constexpr Layout kNifti1{348, 344, 40,  70,  76,  108, 112, 116, 124, 128,
                         252, 254, 256, 268, 280, 123, 2,   4,   2};
constexpr Layout kNifti2{540, 4,   16,  12,  104, 168, 176, 184, 192, 200,
                         344, 348, 352, 376, 400, 500, 8,   8,   4};

// The fields of a header that is there as a whole.
class Fields {
 public:
  Fields(std::string_view bytes, bool big_endian, const Layout& layout)
      : reader_(bytes, big_endian), layout_(layout) {}

  int64_t Dim(int i) const { return Signed(layout_.dim + i * layout_.integer, layout_.integer); }
  int64_t Type() const { return Signed(layout_.type, 2); }
  int64_t Code(uint64_t at) const { return Signed(at, layout_.code); }
  double Real(uint64_t at, int i = 0) const {
    at += i * layout_.real;
    if (layout_.real == 8) return std::bit_cast<double>(reader_.U64(at).value_or(0));
    return std::bit_cast<float>(static_cast<uint32_t>(reader_.U32(at).value_or(0)));
  }
  // NIfTI-1 has the offset as a real, NIfTI-2 as an integer.
  double Offset() const {
    return layout_.real == 8 ? static_cast<double>(Signed(layout_.offset, 8))
                             : Real(layout_.offset);
  }
  // Millimetres in the unit of space; files without one mean millimetres.
  double Unit() const {
    const uint64_t code =
        (layout_.real == 8 ? reader_.U32(layout_.units) : reader_.U8(layout_.units)).value_or(0);
    return (code & 7) == 1 ? 1000 : (code & 7) == 3 ? 0.001 : 1;
  }
  const Layout& layout() const { return layout_; }

 private:
  int64_t Signed(uint64_t at, size_t bytes) const {
    if (bytes == 2) return static_cast<int16_t>(reader_.U16(at).value_or(0));
    if (bytes == 4) return static_cast<int32_t>(reader_.U32(at).value_or(0));
    return static_cast<int64_t>(reader_.U64(at).value_or(0));
  }

  ByteReader reader_;
  const Layout& layout_;
};

absl::StatusOr<Fields> FindFields(std::string_view bytes, bool& big_endian) {
  for (const Layout* layout : {&kNifti1, &kNifti2}) {
    for (const bool big : {false, true}) {
      if (ByteReader(bytes, big).U32(0) != layout->size) continue;
      if (bytes.size() < layout->size) return Damaged("the file ends within its NIfTI header");
      big_endian = big;
      const std::string_view magic = bytes.substr(layout->magic, 4);
      if (magic == "n+1\0"sv || magic == "n+2\0"sv) return Fields(bytes, big, *layout);
      if (magic == "ni1\0"sv || magic == "ni2\0"sv) {
        return Refuse("the file is the header of a NIfTI file in two pieces (.hdr and .img)",
                      "store it in one, such as with nibabel.save(nibabel.load(FILE), 'x.nii.gz')");
      }
      return Refuse("the file is an Analyze header, or a NIfTI header without its mark",
                    "store it as .nii.gz");
    }
  }
  return Refuse("the file is not a NIfTI file", "export it as .nii.gz, or leave it out");
}

std::optional<NiftiType> KnownType(int64_t code) {
  for (const NiftiType type :
       {NiftiType::kUint8, NiftiType::kInt16, NiftiType::kInt32, NiftiType::kFloat32,
        NiftiType::kFloat64, NiftiType::kInt8, NiftiType::kUint16, NiftiType::kUint32,
        NiftiType::kInt64, NiftiType::kUint64}) {
    if (static_cast<int64_t>(type) == code) return type;
  }
  return std::nullopt;
}

absl::Status RefuseType(int64_t code) {
  if (code == 128 || code == 2304) {
    return Refuse("its voxels are colours (RGB)", "store one grey value for each voxel");
  }
  if (code == 32 || code == 1792 || code == 2048) {
    return Refuse("its voxels are complex numbers", "store their magnitude");
  }
  return Refuse(absl::StrCat("its voxels are of the NIfTI type ", code, ", which is not read"),
                "store them as integers of 8 to 64 bits or as reals of 32 or 64");
}

absl::Status ReadSize(const Fields& fields, std::array<int64_t, 3>& size) {
  const int64_t dimensions = fields.Dim(0);
  if (dimensions < 1 || dimensions > 7) {
    return Damaged(absl::StrCat("the header says ", dimensions, " dimensions"));
  }
  for (int i = 4; i <= dimensions; ++i) {
    if (fields.Dim(i) == 1) continue;
    return Refuse(absl::StrCat("it has ", dimensions, " dimensions (", fields.Dim(i), " in number ",
                               i, "): a series of volumes, not one"),
                  "store each volume in a file of its own, such as with nibabel.four_to_three");
  }
  for (int i = 0; i < 3; ++i) size[i] = i < dimensions ? fields.Dim(i + 1) : 1;
  return CheckVolumeSize(size);
}

absl::Status RefuseSpacing(double spacing) {
  return Refuse(absl::StrFormat("the header says a spacing of %g mm", spacing),
                "set the true spacing in its header (pixdim, or an sform)");
}

using Affine = std::array<double, 12>;

// Quaternion to affine, as the standard's method 2 has it.
absl::Status AffineOfQform(const Fields& fields, Affine& affine) {
  const Layout& at = fields.layout();
  double b = fields.Real(at.quatern, 0), c = fields.Real(at.quatern, 1),
         d = fields.Real(at.quatern, 2);
  const double square = b * b + c * c + d * d;
  if (!(square <= 1.0001)) return Damaged("the header's quaternion is no rotation");
  double a = std::sqrt(std::max(0.0, 1 - square));
  if (1 - square < 1e-7) {  // half a turn: rounding may have made it too long
    const double length = std::sqrt(square);
    a = 0, b /= length, c /= length, d /= length;
  }
  const double flip = fields.Real(at.pixdim) == -1 ? -1 : 1;
  std::array<double, 3> spacing{};
  for (int i = 0; i < 3; ++i) {
    spacing[i] = fields.Real(at.pixdim, i + 1);
    if (!std::isfinite(spacing[i]) || spacing[i] <= 0) return RefuseSpacing(spacing[i]);
  }
  spacing[2] *= flip;
  const double rotation[9] = {
      a * a + b * b - c * c - d * d, 2 * (b * c - a * d),           2 * (b * d + a * c),
      2 * (b * c + a * d),           a * a + c * c - b * b - d * d, 2 * (c * d - a * b),
      2 * (b * d - a * c),           2 * (c * d + a * b),           a * a + d * d - b * b - c * c};
  for (int row = 0; row < 3; ++row) {
    for (int i = 0; i < 3; ++i) affine[4 * row + i] = rotation[3 * row + i] * spacing[i];
    affine[4 * row + 3] = fields.Real(at.qoffset, row);
  }
  return absl::OkStatus();
}

// Without any form: spacing alone, to the left as most viewers and nibabel have it.
absl::Status AffineOfSpacing(const Fields& fields, const std::array<int64_t, 3>& size,
                             Affine& affine) {
  affine.fill(0);
  for (int i = 0; i < 3; ++i) {
    const double spacing = fields.Real(fields.layout().pixdim, i + 1);
    if (!std::isfinite(spacing) || spacing <= 0) return RefuseSpacing(spacing);
    affine[5 * i] = i == 0 ? -spacing : spacing;
    affine[4 * i + 3] = -affine[5 * i] * static_cast<double>(size[i] - 1) / 2;
  }
  return absl::OkStatus();
}

absl::Status ReadAffine(const Fields& fields, NiftiHeader& header) {
  Affine& affine = header.grid.affine;
  absl::Status status;
  if (fields.Code(fields.layout().sform) > 0) {
    for (int i = 0; i < 12; ++i) affine[i] = fields.Real(fields.layout().srow, i);
  } else if (fields.Code(fields.layout().qform) > 0) {
    status = AffineOfQform(fields, affine);
  } else {
    header.oriented = false;
    status = AffineOfSpacing(fields, header.grid.size, affine);
  }
  if (!status.ok()) return status;
  for (double& value : affine) value *= fields.Unit();
  return CheckVolumeAffine(header.grid);
}

absl::Status ReadScale(const Fields& fields, NiftiHeader& header) {
  const double slope = fields.Real(fields.layout().slope);
  const double inter = fields.Real(fields.layout().inter);
  if (!std::isfinite(slope) || slope == 0) return absl::OkStatus();  // none, by the standard
  if (!std::isfinite(inter)) return Damaged("the header's scl_inter is no number");
  header.slope = slope;
  header.inter = inter;
  return absl::OkStatus();
}

// Little-endian values at places of a header.
class Writer {
 public:
  explicit Writer(std::string& bytes) : bytes_(bytes) {}
  template <typename T>
  void Put(size_t at, T value) {
    static_assert(std::endian::native == std::endian::little);
    std::memcpy(bytes_.data() + at, &value, sizeof(value));
  }

 private:
  std::string& bytes_;
};

}  // namespace

int64_t BytesOf(NiftiType type) {
  switch (type) {
    case NiftiType::kUint8:
    case NiftiType::kInt8:
      return 1;
    case NiftiType::kInt16:
    case NiftiType::kUint16:
      return 2;
    case NiftiType::kInt32:
    case NiftiType::kUint32:
    case NiftiType::kFloat32:
      return 4;
    case NiftiType::kFloat64:
    case NiftiType::kInt64:
    case NiftiType::kUint64:
      return 8;
  }
  return 0;
}

absl::StatusOr<NiftiHeader> ParseNiftiHeader(std::string_view bytes) {
  NiftiHeader header;
  const absl::StatusOr<Fields> fields = FindFields(bytes, header.big_endian);
  if (!fields.ok()) return fields.status();
  const std::optional<NiftiType> type = KnownType(fields->Type());
  if (!type) return RefuseType(fields->Type());
  header.type = *type;
  absl::Status status = ReadSize(*fields, header.grid.size);
  if (status.ok()) status = ReadAffine(*fields, header);
  if (status.ok()) status = ReadScale(*fields, header);
  if (!status.ok()) return status;
  const Layout& at = fields->layout();
  const double offset = fields->Offset();
  const auto least = static_cast<double>(at.size + 4);
  if (!(offset >= least && offset <= least + kMaxNiftiExtensionBytes) ||
      offset != std::floor(offset)) {
    return Damaged(absl::StrFormat("the header says that voxels begin at byte %g", offset));
  }
  header.data_offset = static_cast<int64_t>(offset);
  header.low = fields->Real(at.least);
  header.high = fields->Real(at.most);
  if (!std::isfinite(header.low) || !std::isfinite(header.high) || header.low >= header.high) {
    header.low = header.high = 0;
  }
  return header;
}

std::string CanonicalNiftiHeader(const NiftiHeader& header) {
  std::string bytes(kCanonicalHeaderBytes, '\0');
  Writer writer(bytes);
  writer.Put(0, int32_t{348});
  writer.Put(40, int16_t{3});
  for (size_t i = 0; i < 3; ++i) {
    writer.Put(42 + 2 * i, static_cast<int16_t>(header.grid.size[i]));
  }
  for (size_t i = 3; i < 7; ++i) writer.Put(42 + 2 * i, int16_t{1});
  writer.Put(70, static_cast<int16_t>(header.type));
  writer.Put(72, static_cast<int16_t>(8 * BytesOf(header.type)));
  writer.Put(76, 1.0F);
  // Spacing follows from the affine as it is stored, so that a header read back gives the same
  // bytes.
  VolumeGrid stored = header.grid;
  for (double& value : stored.affine) value = static_cast<float>(value);
  const std::array<double, 3> spacing = stored.Spacing();
  for (size_t i = 0; i < 3; ++i) writer.Put(80 + 4 * i, static_cast<float>(spacing[i]));
  for (size_t i = 3; i < 7; ++i) writer.Put(80 + 4 * i, 1.0F);
  writer.Put(108, static_cast<float>(kCanonicalHeaderBytes));
  writer.Put(112, 1.0F);                             // slope
  writer.Put(123, char{2});                          // millimetres
  writer.Put(124, static_cast<float>(header.high));  // cal_max
  writer.Put(128, static_cast<float>(header.low));   // cal_min
  writer.Put(254, int16_t{2});  // sform: aligned to something, as nibabel writes it
  for (size_t i = 0; i < 12; ++i) {
    writer.Put(280 + 4 * i, static_cast<float>(stored.affine[i]));
  }
  std::memcpy(bytes.data() + 344, "n+1", 3);
  return bytes;
}

}  // namespace alignflow
