#include "common/data/image_probe.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/data/format_probes.h"

namespace alignflow {
namespace {

using namespace std::string_view_literals;

// Files that people take for images, and what to do with them.
struct OtherFormat {
  std::string_view signature;
  size_t at;
  std::string_view name;
};
constexpr std::array<OtherFormat, 19> kOtherFormats = {{
    {"DICM"sv, 128, "a DICOM file"},
    {"\x5c\x01\0\0"sv, 0, "a NIfTI file"},
    {"\0\0\x01\x5c"sv, 0, "a NIfTI file"},
    {"GIF8"sv, 0, "a GIF"},
    {"\0\0\0\x0cjP  "sv, 0, "a JPEG 2000 file"},
    {"\xff\x4f\xff\x51"sv, 0, "a JPEG 2000 file"},
    {"\0\0\0\x0cJXL "sv, 0, "a JPEG XL file"},
    {"\xff\x0a"sv, 0, "a JPEG XL file"},
    {"ftypavif"sv, 4, "an AVIF file"},
    {"ftyphei"sv, 4, "a HEIC file"},
    {"ftypmif1"sv, 4, "a HEIC file"},
    {"%PDF"sv, 0, "a PDF"},
    {"\x1f\x8b"sv, 0, "packed by gzip, as .nii.gz is"},
    {"PK\x03\x04"sv, 0, "a ZIP archive"},
    {"\x93NUMPY"sv, 0, "a NumPy array"},
    {"\x89HDF"sv, 0, "an HDF5 file"},
    {"NRRD"sv, 0, "an NRRD file"},
    {"\x76\x2f\x31\x01"sv, 0, "an OpenEXR file"},
    {"version https://git-lfs"sv, 0, "a pointer of Git LFS in place of the file"},
}};

absl::Status NotRead(std::string_view bytes) {
  for (const auto& [signature, at, name] : kOtherFormats) {
    if (bytes.size() < at || !bytes.substr(at).starts_with(signature)) continue;
    const char* remedy = "export its pictures as PNG";
    if (name.starts_with("a pointer")) remedy = "fetch the file itself with git lfs pull";
    if (name.starts_with("a DICOM")) {
      remedy = "afctl makes PNG of DICOM files whose names have no ending, or .dcm: rename it";
    }
    return absl::InvalidArgumentError(absl::StrCat(
        "the file is ", std::string(name), ", not a PNG, JPEG, BMP, TIFF or WebP; ", remedy));
  }
  return absl::InvalidArgumentError(
      "not a PNG, JPEG, BMP, TIFF or WebP file; export it as PNG, or leave it out");
}

std::optional<ImageFormat> FormatOf(std::string_view bytes) {
  if (bytes.starts_with("\x89PNG\r\n\x1a\n"sv)) return ImageFormat::kPng;
  if (bytes.starts_with("\xff\xd8"sv)) return ImageFormat::kJpeg;
  if (bytes.starts_with("BM"sv)) return ImageFormat::kBmp;
  for (const std::string_view signature :
       {"II*\0"sv, "MM\0*"sv, "II+\0\b\0\0\0"sv, "MM\0+\0\b\0\0"sv}) {
    if (bytes.starts_with(signature)) return ImageFormat::kTiff;
  }
  if (bytes.starts_with("RIFF"sv) && bytes.size() >= 12 && bytes.substr(8, 4) == "WEBP") {
    return ImageFormat::kWebp;
  }
  return std::nullopt;
}

absl::StatusOr<ImageHeader> ProbeAs(ImageFormat format, std::string_view bytes) {
  switch (format) {
    case ImageFormat::kPng:
      return ProbePng(bytes);
    case ImageFormat::kJpeg:
      return ProbeJpeg(bytes);
    case ImageFormat::kBmp:
      return ProbeBmp(bytes);
    case ImageFormat::kTiff:
      return ProbeTiff(bytes);
    case ImageFormat::kWebp:
      return ProbeWebp(bytes);
  }
  return NotRead(bytes);
}

}  // namespace

absl::Status DamagedFile(std::string_view reason) {
  return absl::InvalidArgumentError(absl::StrCat(
      std::string(reason), "; copy it again from where it came from, or export it again"));
}

std::string_view ImageFormatName(ImageFormat format) {
  switch (format) {
    case ImageFormat::kPng:
      return "PNG";
    case ImageFormat::kJpeg:
      return "JPEG";
    case ImageFormat::kBmp:
      return "BMP";
    case ImageFormat::kTiff:
      return "TIFF";
    case ImageFormat::kWebp:
      return "WebP";
  }
  return "";
}

absl::StatusOr<ImageHeader> ProbeImage(std::string_view bytes) {
  if (bytes.empty()) {
    return absl::InvalidArgumentError(
        "the file is empty; copy it again from where it came from, or leave it out");
  }
  const std::optional<ImageFormat> format = FormatOf(bytes);
  if (!format) return NotRead(bytes);
  absl::StatusOr<ImageHeader> header = ProbeAs(*format, bytes);
  if (!header.ok()) return header;
  if (header->width < 1 || header->height < 1) {
    return DamagedFile(absl::StrFormat("the %s header says %dx%d pixels", ImageFormatName(*format),
                                       header->width, header->height));
  }
  if (header->SwapsSides()) std::swap(header->width, header->height);
  return header;
}

absl::Status CheckImageSize(const ImageHeader& header, int64_t file_bytes) {
  if (file_bytes > kMaxImageFileBytes) {
    return absl::InvalidArgumentError(
        absl::StrFormat("the file has %d bytes, the limit is 256 MiB; store it compressed, or make "
                        "the picture smaller",
                        file_bytes));
  }
  if (std::max(header.width, header.height) > kMaxImageSide ||
      header.width * header.height > kMaxImagePixels) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "the picture has %dx%d pixels; at most %d megapixels with sides up to %d are read: cut it "
        "into parts, or make it smaller",
        header.width, header.height, kMaxImagePixels >> 20, kMaxImageSide));
  }
  return absl::OkStatus();
}

absl::Status CheckImageComplete(std::string_view bytes) {
  const absl::StatusOr<ImageHeader> header = ProbeImage(bytes);
  if (!header.ok()) return header.status();
  switch (header->format) {
    case ImageFormat::kPng:
      return CheckPngComplete(bytes);
    case ImageFormat::kJpeg:
      return CheckJpegComplete(bytes);
    case ImageFormat::kBmp:
      return CheckBmpComplete(bytes);
    case ImageFormat::kTiff:
      return CheckTiffComplete(bytes);
    case ImageFormat::kWebp:
      return CheckWebpComplete(bytes);
  }
  return absl::OkStatus();
}

}  // namespace alignflow
