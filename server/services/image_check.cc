#include "server/services/image_check.h"

#include "absl/strings/str_cat.h"
#include "common/digest.h"
#include "common/status_conversion.h"

namespace alignflow {
namespace {

absl::Status Invalid(const std::string& what, const std::string& reason) {
  return absl::InvalidArgumentError(absl::StrCat(what, ": ", reason));
}

}  // namespace

absl::StatusOr<ImageHeader> CheckImage(BlobStore& blobs, const v1::Digest& digest, FileRole role,
                                       const std::string& what, const OwnsBlob& owns) {
  if (digest.sha256().empty()) return Invalid(what, "is missing; give the digest of its file");
  if (!IsSha256Hex(digest.sha256())) {
    return Invalid(what, "sha256 must be 64 lower-case hexadecimal characters");
  }
  const absl::StatusOr<bool> own = owns ? owns(digest.sha256()) : true;
  if (!own.ok()) return own.status();
  absl::StatusOr<int64_t> size = blobs.SizeOf(digest.sha256());
  if (!*own || !size.ok() || !blobs.Contains(digest.sha256())) {
    return absl::FailedPreconditionError(absl::StrCat(
        what, ": blob ", digest.sha256(), " has not been written; write it, then try again"));
  }
  if (*size != digest.size_bytes()) {
    return Invalid(what, absl::StrCat("size_bytes is ", digest.size_bytes(), ", but the blob has ",
                                      *size, " bytes"));
  }
  if (*size > kMaxImageFileBytes) return Annotate(CheckImageSize(ImageHeader(), *size), what);
  const absl::StatusOr<MappedBlob> file = blobs.Map(digest.sha256());
  if (!file.ok()) return Annotate(file.status(), what);
  absl::StatusOr<ImageHeader> header = ProbeImage(file->bytes());
  absl::Status status = header.status();
  if (status.ok()) status = CheckImageSize(*header, *size);
  if (status.ok()) status = JudgeHeader(*header, role).status();
  if (!status.ok()) return Annotate(status, what);
  return header;
}

}  // namespace alignflow
