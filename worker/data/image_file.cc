#include "worker/data/image_file.h"

#include <cerrno>
#include <fstream>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/data/image_probe.h"
#include "worker/data/fault_list.h"
#include "worker/dicom/dicom_header.h"

namespace alignflow {
namespace {

namespace fs = std::filesystem;

std::string Sentence(const fs::path& path, const AccessFault& fault) {
  return absl::StrCat(ShownPath(path), ": ", fault.reason, "; ", fault.remedy);
}

bool IsEnterable(const fs::path& folder) {
  return EnterError(folder) != std::errc::permission_denied;
}

}  // namespace

bool HasImageName(const fs::path& path) {
  static const auto* const kExtensions = new std::set<std::string>(
      {".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".bmp", ".dib", ".tif", ".tiff", ".webp"});
  return kExtensions->contains(absl::AsciiStrToLower(path.extension().string()));
}

bool HoldsImage(const fs::path& path) {
  if (HasImageName(path)) return true;
  // A disc's list of its DICOM files is a DICOM file itself.
  if (absl::AsciiStrToLower(path.filename().string()) == "dicomdir") return false;
  std::error_code ignored;
  return fs::is_regular_file(path, ignored) && LooksLikeDicom(path);
}

std::string StemOf(const fs::path& path) {
  return HasImageName(path) ? path.stem().string() : DicomStem(path);
}

std::error_code EnterError(const fs::path& folder) {
  std::error_code error;
  [[maybe_unused]] const fs::file_status status = fs::status(folder / ".", error);
  return error;
}

AccessFault ExplainAccess(const fs::path& path, const std::error_code& error) {
  std::error_code ignored;
  if (error == std::errc::permission_denied) {
    if (!IsEnterable(path.parent_path())) {
      return {.reason = "its folder has no execute permission, so nothing in it can be opened",
              .remedy = absl::StrCat("chmod u+rx ", ShownPath(path.parent_path()))};
    }
    if (!fs::is_directory(path, ignored)) {
      return {.reason = "no permission to read the file", .remedy = "chmod u+r"};
    }
    return {.reason = IsEnterable(path)
                          ? "no permission to list the folder"
                          : "the folder has no execute permission, so nothing in it can be opened",
            .remedy = "chmod u+rx"};
  }
  const bool link = fs::is_symlink(fs::symlink_status(path, ignored));
  if (link && error == std::errc::no_such_file_or_directory) {
    return {.reason = "the link leads nowhere", .remedy = "remove it, or put its file back"};
  }
  if (error == std::errc::too_many_symbolic_link_levels) {
    return {.reason = "the link leads in a circle", .remedy = "remove it"};
  }
  return {.reason = absl::StrCat("cannot be read (", error.message(), ")"),
          .remedy = "see that the file is there and its disk works"};
}

absl::StatusOr<std::string> ReadImageFile(const fs::path& path) {
  const auto refuse = [&path](const std::error_code& error) {
    const std::string text = Sentence(path, ExplainAccess(path, error));
    return error == std::errc::permission_denied ? absl::PermissionDeniedError(text)
                                                 : absl::InvalidArgumentError(text);
  };
  std::error_code error;
  const auto size = fs::file_size(path, error);
  if (error) return refuse(error);
  if (size == 0) {
    return absl::InvalidArgumentError(
        Sentence(path, {.reason = "the file is empty",
                        .remedy = "copy it again from where it came, or leave it out"}));
  }
  if (size > static_cast<uintmax_t>(kMaxImageFileBytes)) {
    return absl::InvalidArgumentError(Sentence(
        path, {.reason = absl::StrFormat("the file has %d bytes, the limit is 256 MiB", size),
               .remedy = "store it compressed, or leave it out"}));
  }
  std::string bytes(size, '\0');
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  if (!file.read(bytes.data(), static_cast<std::streamsize>(size))) {
    return refuse(std::error_code(errno != 0 ? errno : EIO, std::generic_category()));
  }
  return bytes;
}

}  // namespace alignflow
