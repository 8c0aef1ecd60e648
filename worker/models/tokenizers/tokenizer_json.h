#ifndef ALIGNFLOW_WORKER_MODELS_TOKENIZERS_TOKENIZER_JSON_H_
#define ALIGNFLOW_WORKER_MODELS_TOKENIZERS_TOKENIZER_JSON_H_

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "worker/models/hf/config.h"
#include "worker/models/tokenizers/added_tokens.h"

namespace alignflow {

// tokenizer.json, in which the tokenizers library keeps a whole tokenizer. Here is what all kinds
// share; normalizer, pre_tokenizer and model are read by the kind that has them. How ids become
// text again ("decoder") and how pairs of texts are framed ("pair") is left aside. All errors are
// std::runtime_error that name file and field.
class TokenizerJson {
 public:
  // What stands before and after the ids of a text.
  struct Frame {
    std::vector<int64_t> begin;
    std::vector<int64_t> end;
  };

  explicit TokenizerJson(const std::filesystem::path& file);

  const std::string& file() const { return fields_.file(); }
  HfConfig& model() { return fields_.Object("model"); }
  // The steps of "normalizer" and "pre_tokenizer", one after another, out of whatever sequences
  // they are in; none where there is null.
  std::vector<HfConfig*> Normalizers() { return Steps(fields_, "normalizer", "normalizers"); }
  std::vector<HfConfig*> PreTokenizers() {
    return Steps(fields_, "pre_tokenizer", "pretokenizers");
  }
  std::vector<AddedToken> AddedTokens();
  // "post_processor"; refuses tokens whose id by `id_of` is another one.
  Frame ReadFrame(const std::function<int64_t(const std::string&)>& id_of);

  [[noreturn]] void Refuse(const std::string& name, const std::string& message) const {
    fields_.Refuse(name, message);
  }
  // Throws for what nobody read.
  void Finish() const { fields_.Finish(HfFile::kTokenizer); }

 private:
  static std::vector<HfConfig*> Steps(HfConfig& fields, const std::string& name,
                                      const std::string& list);

  HfConfig fields_;
};

// The ids of a text as `length` ids: framed, cut before what ends it, filled up. Throws
// std::invalid_argument for a length without room for the frame.
std::vector<int64_t> Framed(const TokenizerJson::Frame& frame, const std::vector<int64_t>& text,
                            int64_t pad, int64_t length);

// {"Regex": ...} or {"String": ...}: requires that it is this regular expression.
void RequireRegex(HfConfig& step, const std::vector<std::string>& supported);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_MODELS_TOKENIZERS_TOKENIZER_JSON_H_
