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
  if (*size > kMaxImageFileBytes) return Annotate(CheckImageSize(ImageHeader(), *size), what);
  absl::StatusOr<std::string> bytes = blobs.Get(digest.sha256(), kMaxImageFileBytes);
  if (!bytes.ok()) return Annotate(bytes.status(), what);
  absl::StatusOr<ProbedFile> probed = ProbeFile(*bytes, role);
  if (!probed.ok()) return Annotate(probed.status(), what);
  return std::move(probed->header);
}

}  // namespace alignflow
