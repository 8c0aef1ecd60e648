#include "worker/models/tokenizers/unicode.h"

#include <utf8proc.h>

#include <memory>
#include <stdexcept>

namespace alignflow {

std::u32string DecodeUtf8(std::string_view text) {
  std::u32string out;
  const auto* data = reinterpret_cast<const utf8proc_uint8_t*>(text.data());
  for (size_t at = 0; at < text.size();) {
    utf8proc_int32_t c = 0;
    const utf8proc_ssize_t bytes =
        utf8proc_iterate(data + at, static_cast<utf8proc_ssize_t>(text.size() - at), &c);
    if (bytes <= 0) throw std::invalid_argument("the text is not UTF-8");
    out.push_back(static_cast<char32_t>(c));
    at += static_cast<size_t>(bytes);
  }
  return out;
}

std::string EncodeUtf8(std::u32string_view text) {
  std::string out;
  for (const char32_t c : text) {
    utf8proc_uint8_t bytes[4];
    const utf8proc_ssize_t size = utf8proc_encode_char(static_cast<utf8proc_int32_t>(c), bytes);
    out.append(reinterpret_cast<const char*>(bytes), static_cast<size_t>(size));
  }
  return out;
}

std::vector<std::string_view> Graphemes(std::string_view text) {
  std::vector<std::string_view> out;
  utf8proc_int32_t state = 0, before = 0;
  size_t begin = 0, at = 0;
  for (const char32_t c : DecodeUtf8(text)) {
    const auto character = static_cast<utf8proc_int32_t>(c);
    if (at > 0 && utf8proc_grapheme_break_stateful(before, character, &state)) {
      out.push_back(text.substr(begin, at - begin));
      begin = at;
    }
    before = character;
    at += Utf8Length(text[at]);
  }
  if (at > begin) out.push_back(text.substr(begin));
  return out;
}

std::u32string ComposeNfc(std::u32string_view text) {
  const std::string bytes = EncodeUtf8(text);
  utf8proc_uint8_t* mapped = nullptr;
  const utf8proc_ssize_t size =
      utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(bytes.data()),
                   static_cast<utf8proc_ssize_t>(bytes.size()), &mapped,
                   static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE));
  const std::unique_ptr<utf8proc_uint8_t, decltype(&std::free)> owner(mapped, &std::free);
  if (size < 0) throw std::invalid_argument("the text cannot be normalized");
  return DecodeUtf8({reinterpret_cast<const char*>(mapped), static_cast<size_t>(size)});
}

std::u32string ToLower(std::u32string_view text) {
  std::u32string out;
  for (const char32_t c : text) {
    if (c == U'\u0130') {  // the one whose lower case is two characters
      out += U"i\u0307";
    } else {
      out.push_back(static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(c))));
    }
  }
  return out;
}

bool IsLetter(char32_t c) {
  const utf8proc_category_t category = utf8proc_category(static_cast<utf8proc_int32_t>(c));
  return category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_LO;
}

bool IsNumber(char32_t c) {
  const utf8proc_category_t category = utf8proc_category(static_cast<utf8proc_int32_t>(c));
  return category >= UTF8PROC_CATEGORY_ND && category <= UTF8PROC_CATEGORY_NO;
}

bool IsWhiteSpace(char32_t c) {
  const utf8proc_category_t category = utf8proc_category(static_cast<utf8proc_int32_t>(c));
  return (c >= U'\t' && c <= U'\r') || c == U'\u0085' ||
         (category >= UTF8PROC_CATEGORY_ZS && category <= UTF8PROC_CATEGORY_ZP);
}

}  // namespace alignflow
