#include "worker/models/tokenizers/added_tokens.h"

namespace alignflow {

void AddedTokens::Add(const std::string& content, int64_t id) {
  for (Token& token : tokens_) {
    if (token.content == content) {
      token.id = id;
      return;
    }
  }
  tokens_.push_back({content, id});
}

std::vector<AddedTokens::Piece> AddedTokens::Split(std::string_view text) const {
  std::vector<Piece> pieces;
  size_t begin = 0;  // of the text since the last token
  for (size_t at = 0; at < text.size();) {
    const Token* longest = nullptr;
    for (const Token& token : tokens_) {
      if (text.substr(at).starts_with(token.content) &&
          (longest == nullptr || token.content.size() > longest->content.size())) {
        longest = &token;
      }
    }
    if (longest == nullptr) {
      ++at;
      continue;
    }
    if (at > begin) pieces.emplace_back(text.substr(begin, at - begin));
    pieces.emplace_back(longest->id);
    at += longest->content.size();
    begin = at;
  }
  if (begin < text.size()) pieces.emplace_back(text.substr(begin));
  return pieces;
}

}  // namespace alignflow
