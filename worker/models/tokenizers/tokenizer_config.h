#ifndef ALIGNFLOW_WORKER_MODELS_TOKENIZERS_TOKENIZER_CONFIG_H_
#define ALIGNFLOW_WORKER_MODELS_TOKENIZERS_TOKENIZER_CONFIG_H_

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "worker/models/hf/config.h"
#include "worker/models/tokenizers/added_tokens.h"

namespace alignflow {

// What a tokenizer's folder says beside its vocabulary: tokenizer_config.json and, where there are
// some, special_tokens_map.json and added_tokens.json.
struct TokenizerConfig {
  std::string file;                            // of tokenizer_config.json
  int64_t model_max_length = 0;                // 1e9 where there is no limit
  std::map<std::string, std::string> special;  // "bos_token", "eos_token", "unk_token", ...
  std::vector<AddedToken> added;

  // The special token of this name, or `otherwise`.
  const std::string& Special(const std::string& name, const std::string& otherwise) const;
};

// A token written as an object; refuses those that take the white space beside them along.
AddedToken ReadAddedToken(HfConfig& token);

// Refuses every value of a field but this one; null is as good as absent.
template <typename T>
void RequireIfSet(HfConfig& config, const std::string& name, T value) {
  if (config.Has(name)) config.Require(name, value);
}

// `config` is the folder's tokenizer_config.json, of which the caller has read what its own kind of
// tokenizer has; `classes` are the values of tokenizer_class that are understood. Throws
// std::runtime_error naming file and field. These files hold what a constructor was once called
// with, so that fields without a known effect on ids are left aside.
TokenizerConfig ReadTokenizerConfig(const std::filesystem::path& folder,
                                    const std::vector<std::string>& classes, HfConfig& config);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_MODELS_TOKENIZERS_TOKENIZER_CONFIG_H_
