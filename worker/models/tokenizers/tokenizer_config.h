#ifndef ALIGNFLOW_WORKER_MODELS_TOKENIZERS_TOKENIZER_CONFIG_H_
#define ALIGNFLOW_WORKER_MODELS_TOKENIZERS_TOKENIZER_CONFIG_H_

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "worker/models/hf/config.h"

namespace alignflow {

// What a tokenizer's folder says beside its vocabulary: tokenizer_config.json and, where there is
// one, special_tokens_map.json.
struct TokenizerConfig {
  struct Added {
    std::string content;
    int64_t id;
    bool normalized;  // looked for in the normalized text instead of the text as it stands
  };
  int64_t model_max_length = 0;
  std::map<std::string, std::string> special;  // "bos_token", "eos_token", "unk_token", "pad_token"
  std::vector<Added> added;
};

// `config` is the folder's tokenizer_config.json, of which the caller has read what its own kind of
// tokenizer has; `classes` are the values of tokenizer_class that are understood. Throws
// std::runtime_error naming file and field; a field that is not understood is refused.
TokenizerConfig ReadTokenizerConfig(const std::filesystem::path& folder,
                                    const std::vector<std::string>& classes, HfConfig& config);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_MODELS_TOKENIZERS_TOKENIZER_CONFIG_H_
