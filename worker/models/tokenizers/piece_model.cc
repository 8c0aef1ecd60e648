#include "worker/models/tokenizers/piece_model.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <stdexcept>
#include <string_view>
#include <system_error>

namespace alignflow {
namespace {

constexpr uintmax_t kMaxBytes = 64 << 20;

// One field of a protocol buffer. A number is in `number` or, of fixed size, in `bytes`.
struct Field {
  uint64_t id = 0;
  uint64_t number = 0;
  std::string_view bytes;
};

// Reads a message's fields one by one.
class Message {
 public:
  explicit Message(std::string_view bytes) : rest_(bytes) {}

  // False at the end. Throws std::runtime_error where the bytes make no sense.
  bool Next(Field* field) {
    if (rest_.empty()) return false;
    const uint64_t tag = Varint();
    *field = Field{tag >> 3, 0, {}};
    switch (tag & 7) {
      case 0:
        field->number = Varint();
        break;
      case 1:
        field->bytes = Take(8);
        break;
      case 2:
        field->bytes = Take(Varint());
        break;
      case 5:
        field->bytes = Take(4);
        break;
      default:
        throw std::runtime_error("is not a SentencePiece model");
    }
    return true;
  }

 private:
  std::string_view Take(uint64_t size) {
    if (size > rest_.size()) throw std::runtime_error("is not a SentencePiece model, or cut short");
    const std::string_view taken = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return taken;
  }
  uint64_t Varint() {
    uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      const auto byte = static_cast<unsigned char>(Take(1)[0]);
      value |= uint64_t{byte & 0x7FU} << shift;
      if (byte < 0x80) return value;
    }
    throw std::runtime_error("is not a SentencePiece model");
  }

  std::string_view rest_;
};

void Require(bool condition, const char* message) {
  if (!condition) throw std::runtime_error(message);
}

PieceModel::Piece ParsePiece(std::string_view bytes) {
  PieceModel::Piece piece;
  Field field;
  for (Message message(bytes); message.Next(&field);) {
    if (field.id == 1) piece.text = field.bytes;
    if (field.id == 2) {
      Require(field.bytes.size() == sizeof(float), "a piece's score is not a float");
      std::memcpy(&piece.score, field.bytes.data(), sizeof(float));  // both little-endian
    }
    if (field.id == 3) {
      Require(field.number >= 1 && field.number <= 6, "a piece is of an unknown type");
      piece.type = static_cast<PieceModel::Type>(field.number);
    }
  }
  Require(!piece.text.empty() && std::isfinite(piece.score),
          "a piece is empty or its score no number");
  Require(piece.type != PieceModel::Type::kUserDefined && piece.type != PieceModel::Type::kByte,
          "has pieces defined by a user or for single bytes, which are not supported");
  return piece;
}

void CheckTraining(std::string_view bytes) {
  Field field;
  for (Message message(bytes); message.Next(&field);) {
    if (field.id == 3) Require(field.number == 1, "only models of type UNIGRAM are supported");
    if (field.id == 24) Require(field.number == 0, "white space as a suffix is not supported");
    if (field.id == 35) Require(field.number == 0, "byte fallback is not supported");
  }
}

void ParseNormalizer(std::string_view bytes, PieceModel* model) {
  Field field;
  for (Message message(bytes); message.Next(&field);) {
    if (field.id == 2) model->charsmap = field.bytes;
    if (field.id == 3) model->add_dummy_prefix = field.number != 0;
    if (field.id == 4) model->remove_extra_whitespaces = field.number != 0;
    if (field.id == 5) Require(field.number != 0, "unescaped white space is not supported");
  }
}

}  // namespace

PieceModel ReadPieceModel(const std::filesystem::path& file) {
  try {
    std::error_code error;
    const uintmax_t size = std::filesystem::file_size(file, error);
    if (error) throw std::runtime_error("cannot be read: " + error.message());
    Require(size <= kMaxBytes, "too long for a SentencePiece model");
    std::string bytes(size, '\0');
    std::ifstream stream(file, std::ios::binary);
    Require(!stream.read(bytes.data(), static_cast<std::streamsize>(size)).fail(),
            "cannot be read");
    PieceModel model;
    Field field;
    for (Message message(bytes); message.Next(&field);) {
      if (field.id == 1) model.pieces.push_back(ParsePiece(field.bytes));
      if (field.id == 2) CheckTraining(field.bytes);
      if (field.id == 3) ParseNormalizer(field.bytes, &model);
    }
    Require(std::count_if(model.pieces.begin(), model.pieces.end(),
                          [](const PieceModel::Piece& piece) {
                            return piece.type == PieceModel::Type::kUnknown;
                          }) == 1,
            "must have one piece for what is unknown");
    return model;
  } catch (const std::runtime_error& error) {
    throw std::runtime_error(file.string() + ": " + error.what());
  }
}

}  // namespace alignflow
