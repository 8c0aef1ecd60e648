#ifndef ALIGNFLOW_WORKER_MODELS_TOKENIZERS_JSON_PIECES_H_
#define ALIGNFLOW_WORKER_MODELS_TOKENIZERS_JSON_PIECES_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "worker/models/tokenizers/charsmap.h"
#include "worker/models/tokenizers/text_pieces.h"
#include "worker/models/tokenizers/tokenizer_json.h"

namespace alignflow {

// A unigram model from tokenizer.json, with the steps around it as releases of transformers have
// written them for T5. The tokenizers library imitates SentencePiece and departs from it in places:
// in what the table of normalization does to combining marks that stand alone, and in that each
// word is cut by itself. Here it is followed to the letter, because the file says so.
class JsonPieces : public TextPieces {
 public:
  // Throws std::runtime_error naming file and field.
  explicit JsonPieces(TokenizerJson& json);

  const Unigram& unigram() const override { return unigram_; }
  std::string Normalize(std::string_view text) const override;
  void Encode(std::string_view text, std::vector<int64_t>* ids) const override;

 private:
  // One of the steps of "normalizer".
  struct Step {
    enum class Kind { kCharsmap, kStrip, kSpaces };
    Kind kind;
    std::optional<Charsmap> charsmap = std::nullopt;
    bool left = false, right = false;  // what kStrip takes off
    std::string spaces = "";           // what kSpaces writes for two or more
  };
  static Step ReadStep(HfConfig& step);
  void ReadPreTokenizers(TokenizerJson& json);

  std::vector<Step> normalizer_;
  bool splits_at_space_ = false;
  Unigram unigram_;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_MODELS_TOKENIZERS_JSON_PIECES_H_
