#include "worker/volumes/nrrd_file.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "worker/volumes/byte_stream.h"
#include "worker/volumes/stored_voxels.h"

namespace alignflow {
namespace {

absl::Status RefuseNrrd(const std::string& reason, const std::string& remedy) {
  return absl::InvalidArgumentError(absl::StrCat(reason, "; ", remedy));
}

// A value of the header, as messages show it.
std::string Shown(std::string_view value) {
  return absl::CHexEscape(std::string(value.substr(0, 40)));
}

// The fields of a header, by their names in lower case, without spaces ("datafile").
struct Fields {
  std::map<std::string, std::string, std::less<>> values;
  bool segments = false;  // keys of 3D Slicer's segmentations
  size_t data_offset = 0;

  std::string_view Find(std::string_view name) const {
    const auto found = values.find(name);
    return found == values.end() ? std::string_view() : found->second;
  }
  bool Has(std::string_view name) const { return values.contains(name); }
};

absl::StatusOr<Fields> ReadFields(std::string_view bytes) {
  if (!bytes.starts_with("NRRD000")) {
    return RefuseNrrd("the file is not a NRRD file",
                      "export it as .nrrd or .nii.gz, or leave it out");
  }
  Fields fields;
  for (size_t at = 0; at < bytes.size();) {
    const size_t end = bytes.find('\n', at);
    if (end == std::string_view::npos) break;
    std::string_view line = bytes.substr(at, end - at);
    if (line.ends_with('\r')) line.remove_suffix(1);
    const bool first = at == 0;
    at = end + 1;
    if (line.empty()) {
      fields.data_offset = at;
      return fields;
    }
    if (first || line.starts_with('#')) continue;
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos) {
      return DamagedVolume(
          absl::StrCat("its header has a line without a colon: '", Shown(line), "'"));
    }
    if (line.substr(colon).starts_with(":=")) {  // a text of somebody's: passed over
      fields.segments = fields.segments || line.starts_with("Segment");
      continue;
    }
    std::string name;
    for (const char c : line.substr(0, colon)) {
      if (c != ' ') name += absl::ascii_tolower(static_cast<unsigned char>(c));
    }
    const std::string value(absl::StripAsciiWhitespace(std::string(line.substr(colon + 1))));
    if (!fields.values.try_emplace(name, value).second) {
      return DamagedVolume(absl::StrCat("its header says '", Shown(name), "' twice"));
    }
  }
  if (fields.Has("datafile")) return fields;  // which is refused as such
  return DamagedVolume("the file ends within its NRRD header, or the header is longer than 1 MiB");
}

std::vector<std::string> Words(std::string_view value) {
  return absl::StrSplit(std::string(value), absl::ByAnyChar(" \t"), absl::SkipEmpty());
}

absl::Status ReadType(const Fields& fields, NrrdHeader& header) {
  static const auto* const kTypes = new std::map<std::string, NiftiType, std::less<>>{
      {"signed char", NiftiType::kInt8},
      {"int8", NiftiType::kInt8},
      {"int8_t", NiftiType::kInt8},
      {"uchar", NiftiType::kUint8},
      {"unsigned char", NiftiType::kUint8},
      {"uint8", NiftiType::kUint8},
      {"uint8_t", NiftiType::kUint8},
      {"short", NiftiType::kInt16},
      {"short int", NiftiType::kInt16},
      {"signed short", NiftiType::kInt16},
      {"signed short int", NiftiType::kInt16},
      {"int16", NiftiType::kInt16},
      {"int16_t", NiftiType::kInt16},
      {"ushort", NiftiType::kUint16},
      {"unsigned short", NiftiType::kUint16},
      {"unsigned short int", NiftiType::kUint16},
      {"uint16", NiftiType::kUint16},
      {"uint16_t", NiftiType::kUint16},
      {"int", NiftiType::kInt32},
      {"signed int", NiftiType::kInt32},
      {"int32", NiftiType::kInt32},
      {"int32_t", NiftiType::kInt32},
      {"uint", NiftiType::kUint32},
      {"unsigned int", NiftiType::kUint32},
      {"uint32", NiftiType::kUint32},
      {"uint32_t", NiftiType::kUint32},
      {"longlong", NiftiType::kInt64},
      {"long long", NiftiType::kInt64},
      {"long long int", NiftiType::kInt64},
      {"signed long long", NiftiType::kInt64},
      {"signed long long int", NiftiType::kInt64},
      {"int64", NiftiType::kInt64},
      {"int64_t", NiftiType::kInt64},
      {"ulonglong", NiftiType::kUint64},
      {"unsigned long long", NiftiType::kUint64},
      {"unsigned long long int", NiftiType::kUint64},
      {"uint64", NiftiType::kUint64},
      {"uint64_t", NiftiType::kUint64},
      {"float", NiftiType::kFloat32},
      {"double", NiftiType::kFloat64}};
  const auto found = kTypes->find(fields.Find("type"));
  if (found == kTypes->end()) {
    return RefuseNrrd(absl::StrCat("its voxels are of the NRRD type '", Shown(fields.Find("type")),
                                   "', which is not read"),
                      "store them as integers of 8 to 64 bits, as float or as double");
  }
  header.voxels.type = found->second;
  const std::string_view endian = fields.Find("endian");
  header.voxels.big_endian = endian == "big";
  if (endian != "big" && endian != "little" && BytesOf(header.voxels.type) > 1) {
    return DamagedVolume("its header does not say the order of bytes (endian)");
  }
  return absl::OkStatus();
}

absl::Status ReadEncoding(const Fields& fields, NrrdHeader& header) {
  if (fields.Has("datafile")) {
    return RefuseNrrd("its voxels are in files of their own",
                      "store header and voxels in one file, such as with unu save -f nrrd");
  }
  for (const char* skip : {"lineskip", "byteskip"}) {
    if (fields.Has(skip) && fields.Find(skip) != "0") {
      return RefuseNrrd(absl::StrCat("its header wants bytes to be passed over (", skip, ")"),
                        "store it without, such as with unu save -f nrrd");
    }
  }
  const std::string encoding = absl::AsciiStrToLower(std::string(fields.Find("encoding")));
  header.packed = encoding == "gzip" || encoding == "gz";
  if (header.packed || encoding == "raw") return absl::OkStatus();
  return RefuseNrrd(absl::StrCat("it is encoded as '", Shown(encoding), "', which is not read"),
                    "store it as raw or gzip, such as with unu save -f nrrd -e gzip");
}

absl::Status ReadSize(const Fields& fields, std::array<int64_t, 3>& size) {
  if (fields.Find("dimension") != "3") {
    return RefuseNrrd(
        absl::StrCat("it has ", Shown(fields.Find("dimension")),
                     " dimensions: a picture, several volumes, or segments that overlap"),
        "store one volume in a file; export segments as one label map");
  }
  const std::vector<std::string> sizes = Words(fields.Find("sizes"));
  for (size_t i = 0; i < 3; ++i) {
    if (sizes.size() != 3 || !absl::SimpleAtoi(sizes[i], &size[i])) {
      return DamagedVolume("its header does not say three sizes");
    }
  }
  // Axes of colours, of vectors or of time are none of space.
  for (const std::string& kind : Words(fields.Find("kinds"))) {
    if (kind == "domain" || kind == "space" || kind == "???" || kind == "none") continue;
    return RefuseNrrd(
        absl::StrCat("one of its axes is of the kind '", Shown(kind), "', not of space"),
        "store one value for each voxel of one volume");
  }
  return CheckVolumeSize(size);
}

// "(1,0,0)": the numbers, and what is behind them.
std::optional<std::array<double, 3>> TakeVector(std::string_view& text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  const size_t end = text.find(')');
  if (!text.starts_with('(') || end == std::string_view::npos) return std::nullopt;
  const std::vector<std::string> parts = absl::StrSplit(std::string(text.substr(1, end - 1)), ',');
  text.remove_prefix(end + 1);
  std::array<double, 3> vector{};
  if (parts.size() != 3) return std::nullopt;
  for (size_t i = 0; i < 3; ++i) {
    if (!absl::SimpleAtod(parts[i], &vector[i])) return std::nullopt;
  }
  return vector;
}

// The signs of the space's axes as those of VolumeGrid. Without a known space those of ITK, to the
// left and back.
absl::Status ReadSpace(const Fields& fields, std::array<double, 3>& signs, bool& oriented) {
  const std::string space = absl::AsciiStrToLower(std::string(fields.Find("space")));
  signs = {-1, -1, 1};
  oriented = !space.empty();
  if (space.empty() || space == "left-posterior-superior" || space == "lps") {
    return absl::OkStatus();
  }
  if (space == "right-anterior-superior" || space == "ras") {
    signs = {1, 1, 1};
    return absl::OkStatus();
  }
  if (space == "left-anterior-superior" || space == "las") {
    signs = {-1, 1, 1};
    return absl::OkStatus();
  }
  return RefuseNrrd(absl::StrCat("its space is '", Shown(space), "', not the patient's"),
                    "store it in left-posterior-superior or right-anterior-superior");
}

absl::Status CheckMillimetres(const Fields& fields) {
  for (const char* name : {"spaceunits", "units"}) {
    for (const std::string& unit : Words(fields.Find(name))) {
      if (unit == "\"mm\"" || unit == "mm" || unit == "\"\"") continue;
      return RefuseNrrd(
          absl::StrCat("its places are in ", Shown(unit), ", and millimetres are read"),
          "store it in mm");
    }
  }
  return absl::OkStatus();
}

absl::Status ReadAffine(const Fields& fields, NiftiHeader& header) {
  std::array<double, 3> signs{};
  absl::Status status = ReadSpace(fields, signs, header.oriented);
  if (status.ok()) status = CheckMillimetres(fields);
  if (!status.ok()) return status;
  std::array<std::array<double, 3>, 4> columns{};
  if (fields.Has("spacedirections")) {
    std::string_view directions = fields.Find("spacedirections");
    std::string_view origin = fields.Has("spaceorigin") ? fields.Find("spaceorigin") : "(0,0,0)";
    for (size_t i = 0; i < 4; ++i) {
      const auto vector = TakeVector(i < 3 ? directions : origin);
      if (!vector) {
        return DamagedVolume("its header's space directions or origin are no three numbers each");
      }
      columns[i] = *vector;
    }
  } else {
    const std::vector<std::string> spacings = Words(fields.Find("spacings"));
    for (size_t i = 0; i < 3; ++i) {
      if (spacings.size() != 3 || !absl::SimpleAtod(spacings[i], &columns[i][i]) ||
          !(columns[i][i] > 0)) {
        return RefuseNrrd("its header says neither space directions nor spacings above 0",
                          "store it with its geometry");
      }
    }
    header.oriented = false;
  }
  for (size_t row = 0; row < 3; ++row) {
    for (size_t column = 0; column < 4; ++column) {
      header.grid.affine[4 * row + column] = signs[row] * columns[column][row];
    }
  }
  return CheckVolumeAffine(header.grid);
}

}  // namespace

absl::StatusOr<NrrdHeader> ParseNrrdHeader(std::string_view bytes) {
  const absl::StatusOr<Fields> fields = ReadFields(bytes);
  if (!fields.ok()) return fields.status();
  NrrdHeader header;
  header.segmentation = fields->segments;
  header.voxels.data_offset = static_cast<int64_t>(fields->data_offset);
  absl::Status status = ReadEncoding(*fields, header);
  if (status.ok()) status = ReadType(*fields, header);
  if (status.ok()) status = ReadSize(*fields, header.voxels.grid.size);
  if (status.ok()) status = ReadAffine(*fields, header.voxels);
  if (!status.ok()) return status;
  return header;
}

absl::StatusOr<NrrdHeader> ReadNrrdHeader(const std::filesystem::path& path) {
  ByteStream stream(path, 0, Unpacking::kNever);
  absl::Status opened = stream.status();
  if (!opened.ok()) return opened;
  std::string bytes(kMaxNrrdHeaderBytes, '\0');
  const absl::StatusOr<size_t> read = stream.Read(bytes);
  if (!read.ok()) return read.status();
  if (*read == 0) return DamagedVolume("the file is empty");
  const absl::StatusOr<NrrdHeader> header =
      ParseNrrdHeader(std::string_view(bytes).substr(0, *read));
  if (!header.ok()) return header;
  absl::Status fits = CheckHoldsVoxels(path, header->packed, header->voxels);
  if (!fits.ok()) return fits;
  return header;
}

absl::StatusOr<Volume> ReadNrrd(const std::filesystem::path& path) {
  const absl::StatusOr<NrrdHeader> header = ReadNrrdHeader(path);
  if (!header.ok()) return header.status();
  ByteStream stream(path, header->voxels.data_offset,
                    header->packed ? Unpacking::kIfPacked : Unpacking::kNever);
  absl::Status opened = stream.status();
  if (!opened.ok()) return opened;
  absl::StatusOr<Volume> volume = ReadStoredVoxels(stream, header->voxels);
  if (volume.ok() && header->packed && !stream.packed()) {
    return DamagedVolume("its header says gzip, and its voxels are not packed so");
  }
  return volume;
}

}  // namespace alignflow
