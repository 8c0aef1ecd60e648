// Any bytes as a NRRD file: either a refusal with a remedy, or a volume of as many numbers as its
// header says.
#include <cstdint>

#include "tests/fuzz/memory_file.h"
#include "tests/fuzz/volume_check.h"
#include "worker/volumes/nrrd_file.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const alignflow::MemoryFile file(data, size);
  alignflow::IsWholeOrRefused(alignflow::ReadNrrd(file.path()));
  return 0;
}
