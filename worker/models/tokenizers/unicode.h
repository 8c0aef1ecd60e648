#ifndef ALIGNFLOW_WORKER_MODELS_TOKENIZERS_UNICODE_H_
#define ALIGNFLOW_WORKER_MODELS_TOKENIZERS_UNICODE_H_

#include <string>
#include <string_view>

// The few properties of Unicode that tokenizers ask for. Thread-safe.
namespace alignflow {

// Throws std::invalid_argument for bytes that are not UTF-8.
std::u32string DecodeUtf8(std::string_view text);
std::string EncodeUtf8(std::u32string_view text);

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
