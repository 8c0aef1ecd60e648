#include "server/services/image_check.h"

#include "absl/strings/str_cat.h"
#include "common/digest.h"
#include "common/status_conversion.h"

namespace alignflow {
namespace {

absl::Status Invalid(const std::string& what, const std::string& reason) {
  return absl::InvalidArgumentError(absl::StrCat(what, ": ", reason));
}

std::string SizeText(const ImageHeader& image) {
  return absl::StrCat(image.width, "x", image.height);
}

}  // namespace

absl::StatusOr<ImageHeader> CheckImage(BlobStore& blobs, const v1::Digest& digest,
                                       const std::string& what) {
  if (digest.sha256().empty()) return Invalid(what, "is missing; give the digest of its file");
  if (!IsSha256Hex(digest.sha256())) {
    return Invalid(what, "sha256 must be 64 lower-case hexadecimal characters");
  }
  absl::StatusOr<int64_t> size = blobs.SizeOf(digest.sha256());
  if (!size.ok() || !blobs.Contains(digest.sha256())) {
    return absl::FailedPreconditionError(absl::StrCat(
        what, ": blob ", digest.sha256(), " has not been written; write it, then try again"));
  }
  if (*size != digest.size_bytes()) {
    return Invalid(what, absl::StrCat("size_bytes is ", digest.size_bytes(), ", but the blob has ",
                                      *size, " bytes"));
  }
  if (*size > kMaxImageFileBytes) {
    return Invalid(what, absl::StrCat("the file has ", *size, " bytes; at most ",
                                      kMaxImageFileBytes, " are read: make it smaller"));
  }
  absl::StatusOr<std::string> bytes = blobs.Get(digest.sha256(), kMaxImageFileBytes);
  if (!bytes.ok()) return Annotate(bytes.status(), what);
  absl::StatusOr<ImageHeader> header = ProbeImage(*bytes);
  if (!header.ok()) return Annotate(header.status(), what);
  absl::Status status = CheckImageSize(*header, *size);
  if (status.ok()) status = CheckImageComplete(*bytes);
  if (!status.ok()) return Annotate(status, what);
  return header;
}

absl::Status CheckMaskFits(const ImageHeader& mask, const ImageHeader& image,
                           const std::string& what) {
  if (mask.width != image.width || mask.height != image.height) {
    return Invalid(what, absl::StrCat("the mask is ", SizeText(mask), ", its image ",
                                      SizeText(image), "; both must have the same size"));
  }
  if (mask.format == ImageFormat::kJpeg) {
    return Invalid(what, "JPEG changes label values; store the mask as PNG");
  }
  if (mask.channels != 1) {
    return Invalid(what, absl::StrCat("the mask has ", mask.channels,
                                      " channels; store it with one, of grey values"));
  }
  return absl::OkStatus();
}

}  // namespace alignflow
