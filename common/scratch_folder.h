#ifndef ALIGNFLOW_COMMON_SCRATCH_FOLDER_H_
#define ALIGNFLOW_COMMON_SCRATCH_FOLDER_H_

#include <filesystem>
#include <memory>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace alignflow {

// A folder for files that are needed for a while: below TMPDIR (or /tmp), for our user alone, and
// gone with the object.
class ScratchFolder {
 public:
  // The error says which folder could not be made, and what to do.
  static absl::StatusOr<std::unique_ptr<ScratchFolder>> Make();
  ~ScratchFolder();
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }
  // A new file in it. ResourceExhausted if the disk is full. Thread-safe.
  absl::Status Write(std::string_view name, std::string_view bytes) const;

  // Removes every folder that there is. For a process that ends at once, without destructors.
  static void AbandonAll();

 private:
  explicit ScratchFolder(std::filesystem::path path);
  std::filesystem::path path_;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_COMMON_SCRATCH_FOLDER_H_
