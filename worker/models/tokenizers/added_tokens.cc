#include "worker/models/tokenizers/added_tokens.h"

#include <algorithm>
#include <stdexcept>

namespace alignflow {
namespace {

[[noreturn]] void Fail(const AddedToken& token, const std::string& what) {
  throw std::runtime_error(token.file + ": token '" + token.content + "' " + what);
}

}  // namespace

void AddedTokens::Add(const std::vector<AddedToken>& tokens,
                      const std::function<int64_t(const std::string&)>& known, int64_t least) {
  for (const AddedToken& token : tokens) {
    if (token.content.empty()) Fail(token, "is empty");
    const int64_t before = IdOf(token.content);
    const int64_t id = before >= 0 ? before : known(token.content);
    if (token.id < 0 && id < 0) {
      Fail(token, "is not in the vocabulary, and no file of the folder gives its id");
    }
    if (token.id >= 0 && id >= 0 && token.id != id) {
      Fail(token, "has the id " + std::to_string(token.id) + ", but " + std::to_string(id) +
                      " in the vocabulary or in another file of the folder; the files are not of "
                      "one model, fetch them again");
    }
    if (token.id >= 0 && id < 0 && token.id < least) {
      Fail(token, "is not in the vocabulary, where its id " + std::to_string(token.id) +
                      " is another token's");
    }
    if (before >= 0) continue;
    named_.push_back({token.content, id >= 0 ? id : token.id});
    if (token.normalized) {
      normalized_.push_back({normalize_(token.content), named_.back().id});
    } else {
      raw_.push_back(named_.back());
    }
  }
}

int64_t AddedTokens::IdOf(const std::string& content) const {
  const auto found = std::ranges::find(named_, content, &Token::content);
  return found == named_.end() ? -1 : found->id;
}

void AddedTokens::Split(std::string_view text, const std::function<void(int64_t)>& token,
                        const std::function<void(std::string_view)>& between) const {
  for (const Piece& piece : SplitAt(raw_, text)) {
    if (const auto* id = std::get_if<int64_t>(&piece)) {
      token(*id);
      continue;
    }
    const std::string normalized = normalize_(std::get<std::string_view>(piece));
    for (const Piece& part : SplitAt(normalized_, normalized)) {
      if (const auto* id = std::get_if<int64_t>(&part)) {
        token(*id);
      } else {
        between(std::get<std::string_view>(part));
      }
    }
  }
}

std::vector<AddedTokens::Piece> AddedTokens::SplitAt(const std::vector<Token>& tokens,
                                                     std::string_view text) {
  std::vector<Piece> pieces;
  size_t begin = 0;  // of the text since the last token
  for (size_t at = 0; at < text.size();) {
    const Token* longest = nullptr;
    for (const Token& token : tokens) {
      if (!token.content.empty() && text.substr(at).starts_with(token.content) &&
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
