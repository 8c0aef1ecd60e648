// Any bytes as the config.json of each model, and as an image processor's: either an error that is
// a std::runtime_error, or a configuration.
#include <cstdint>
#include <stdexcept>

#include "tests/fuzz/memory_file.h"
#include "worker/models/dinov3/dinov3_config.h"
#include "worker/models/hf/config.h"
#include "worker/models/sd35/autoencoder_config.h"
#include "worker/models/sd35/transformer_config.h"

namespace {

template <typename Config>
void Parse(const std::filesystem::path& file, Config (*parse)(alignflow::HfConfig&)) {
  try {
    alignflow::HfConfig config(file);
    parse(config);
  } catch (const std::runtime_error&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const alignflow::MemoryFile bytes(data, size);
  Parse(bytes.path(), alignflow::ParseSD3Transformer);
  Parse(bytes.path(), alignflow::ParseSD3ControlNet);
  Parse(bytes.path(), alignflow::ParseAutoencoderConfig);
  Parse(bytes.path(), alignflow::ParseDinoV3);
  Parse(bytes.path(), alignflow::ParseDinoV3Preprocessing);
  return 0;
}
