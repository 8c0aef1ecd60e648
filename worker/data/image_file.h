#ifndef ALIGNFLOW_WORKER_DATA_IMAGE_FILE_H_
#define ALIGNFLOW_WORKER_DATA_IMAGE_FILE_H_

#include <filesystem>
#include <string>
#include <system_error>

#include "absl/status/statusor.h"

namespace alignflow {

// Whether the name ends like that of an image that is read, in any case: .png .jpg .tif ...
bool HasImageName(const std::filesystem::path& path);
// These endings, for messages: ".png, .jpg, .bmp, .tif or .webp".
inline constexpr char kImageNames[] = ".png, .jpg, .bmp, .tif or .webp";

// Whether a file is read as an image: by its name, or as a DICOM file by its content, which has any
// name.
bool HoldsImage(const std::filesystem::path& path);
// The name that an image is matched with its mask by: without its ending, where it has one.
std::string StemOf(const std::filesystem::path& path);

// Whether what lies in a folder can be reached, for which it needs its execute permission.
std::error_code EnterError(const std::filesystem::path& folder);

// Why a file or folder could not be got at, and what to do: "no permission to read the file",
// "chmod u+r".
struct AccessFault {
  std::string reason;
  std::string remedy;
};
AccessFault ExplainAccess(const std::filesystem::path& path, const std::error_code& error);

// The bytes of a file of 1 to kMaxImageFileBytes bytes. InvalidArgument if it is empty or larger,
// PermissionDenied if it can't be read; the message is "FILE: REASON; REMEDY".
absl::StatusOr<std::string> ReadImageFile(const std::filesystem::path& path);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_DATA_IMAGE_FILE_H_
