#ifndef ALIGNFLOW_WORKER_MODELS_TOKENIZERS_TEXT_PIECES_H_
#define ALIGNFLOW_WORKER_MODELS_TOKENIZERS_TEXT_PIECES_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "worker/models/tokenizers/unigram.h"

namespace alignflow {

// T5's text as pieces, from either form in which folders hold it. Immutable and thread-safe.
class TextPieces {
 public:
  virtual ~TextPieces() = default;
  virtual const Unigram& unigram() const = 0;
  // What added tokens of the kind `normalized` are looked for in, and Encode takes.
  virtual std::string Normalize(std::string_view text) const = 0;
  // Adds the ids of normalized text.
  virtual void Encode(std::string_view text, std::vector<int64_t>* ids) const = 0;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_MODELS_TOKENIZERS_TEXT_PIECES_H_
