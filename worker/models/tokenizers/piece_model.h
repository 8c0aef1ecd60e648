#ifndef ALIGNFLOW_WORKER_MODELS_TOKENIZERS_PIECE_MODEL_H_
#define ALIGNFLOW_WORKER_MODELS_TOKENIZERS_PIECE_MODEL_H_

#include <filesystem>
#include <string>
#include <vector>

namespace alignflow {

// What a SentencePiece model file (spiece.model) holds: a protocol buffer,
// sentencepiece_model.proto, read here without generated code. Debian's libsentencepiece brings an
// old protobuf of its own whose symbols collide with the one that gRPC uses in the same process.
struct PieceModel {
  enum class Type {
    kNormal = 1,
    kUnknown = 2,
    kControl = 3,
    kUserDefined = 4,
    kUnused = 5,
    kByte = 6
  };
  struct Piece {
    std::string text;
    float score = 0;  // logarithm of its probability
    Type type = Type::kNormal;
  };
  std::vector<Piece> pieces;  // by id
  std::string charsmap;       // see PieceNormalizer; may be empty
  bool add_dummy_prefix = true;
  bool remove_extra_whitespaces = true;
};

// Unigram models alone, with one unknown piece and without byte fallback or pieces that users
// defined: what T5 has. Throws std::runtime_error naming the file for others and for broken ones.
PieceModel ReadPieceModel(const std::filesystem::path& file);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_MODELS_TOKENIZERS_PIECE_MODEL_H_
