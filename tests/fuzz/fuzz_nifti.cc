// Any bytes as a NIfTI file: either a refusal with a remedy, or a volume of as many numbers as its
// header says, whose canonical header is read back to itself.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "tests/fuzz/memory_file.h"
#include "tests/fuzz/volume_check.h"
#include "worker/volumes/volume_file.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const alignflow::MemoryFile file(data, size);
  const absl::StatusOr<alignflow::Volume> volume = alignflow::ReadVolume(file.path());
  if (!alignflow::IsWholeOrRefused(volume)) return 0;
  const std::string bytes = alignflow::CanonicalNiftiHeader({.grid = volume->grid});
  const absl::StatusOr<alignflow::NiftiHeader> again = alignflow::ParseNiftiHeader(bytes);
  if (again.ok() && alignflow::CanonicalNiftiHeader(*again) != bytes) std::abort();
  return 0;
}
