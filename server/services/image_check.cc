#include "server/services/image_check.h"

#include "absl/strings/str_cat.h"
#include "common/data/volume_probe.h"
#include "common/digest.h"
#include "common/status_conversion.h"

namespace alignflow {
namespace {

absl::Status Invalid(const std::string& what, const std::string& reason) {
  return absl::InvalidArgumentError(absl::StrCat(what, ": ", reason));
}

absl::StatusOr<ImageHeader> CheckPicture(std::string_view bytes, FileRole role) {
  absl::StatusOr<ImageHeader> header = ProbeImage(bytes);
  absl::Status status = header.status();
  if (status.ok()) status = CheckImageSize(*header, static_cast<int64_t>(bytes.size()));
  if (status.ok()) status = JudgeHeader(*header, role).status();
  if (!status.ok()) return status;
  return header;
}

absl::StatusOr<ImageHeader> CheckVolume(std::string_view bytes, FileRole role) {
  const absl::StatusOr<NiftiHeader> header = ProbeVolume(bytes, role);
  absl::Status status = header.status();
  if (status.ok()) status = CheckVolumeComplete(bytes, *header);
  if (!status.ok()) return status;
  ImageHeader sides;
  sides.width = header->grid.size[0];
  sides.height = header->grid.size[1];
  sides.depth = header->grid.size[2];
  return sides;
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
  absl::StatusOr<ImageHeader> header = IsPackedVolume(file->bytes())
                                           ? CheckVolume(file->bytes(), role)
                                           : CheckPicture(file->bytes(), role);
  if (!header.ok()) return Annotate(header.status(), what);
  return header;
}

}  // namespace alignflow
