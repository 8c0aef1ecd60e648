#ifndef ALIGNFLOW_WORKER_MODELS_TOKENIZERS_UNICODE_H_
#define ALIGNFLOW_WORKER_MODELS_TOKENIZERS_UNICODE_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

// The few properties of Unicode that tokenizers ask for. Thread-safe.
namespace alignflow {

// Throws std::invalid_argument for bytes that are not UTF-8.
std::u32string DecodeUtf8(std::string_view text);
std::string EncodeUtf8(std::u32string_view text);

// The length in bytes of the character of UTF-8 that begins with this byte.
inline size_t Utf8Length(char first) {
  const auto byte = static_cast<unsigned char>(first);
  return byte < 0xC0 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4;
}

// What a reader takes for one character (extended grapheme clusters): views of `text`, which is
// UTF-8.
std::vector<std::string_view> Graphemes(std::string_view text);

// Normalization form C.
std::u32string ComposeNfc(std::u32string_view text);
// Each character by itself, whatever stands beside it: a capital sigma at a word's end becomes an
// ordinary one.
std::u32string ToLower(std::u32string_view text);

bool IsLetter(char32_t c);      // general category L*
bool IsNumber(char32_t c);      // N*
bool IsWhiteSpace(char32_t c);  // property White_Space

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_MODELS_TOKENIZERS_UNICODE_H_
