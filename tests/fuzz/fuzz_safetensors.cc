// Any bytes as a safetensors file: either an error that is a std::runtime_error, or tensors all of
// whose bytes can be read.
#include <cstdint>
#include <numeric>
#include <stdexcept>

#include "tests/fuzz/memory_file.h"
#include "worker/models/safetensors.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const alignflow::MemoryFile bytes(data, size);
  try {
    const alignflow::SafetensorsFile file(bytes.path());
    for (const std::string& name : file.Names()) {
      const at::Tensor tensor = file.Get(name);
      const auto* begin = static_cast<const uint8_t*>(tensor.const_data_ptr());
      volatile uint64_t sum = 0;
      for (size_t i = 0; i < tensor.nbytes(); ++i) sum = sum + begin[i];
    }
  } catch (const std::runtime_error&) {
  }
  return 0;
}
