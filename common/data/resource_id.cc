#include "common/data/resource_id.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace alignflow {
namespace {

constexpr size_t kMaxIdBytes = 63;

bool IsAlphanumeric(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

}  // namespace

bool IsId(const std::string& id) {
  return !id.empty() && id.size() <= kMaxIdBytes && IsAlphanumeric(id.front()) &&
         std::ranges::all_of(id, [](char c) { return IsAlphanumeric(c) || c == '-' || c == '_'; });
}

// Only the start of a text that may be long or unprintable.
std::string Quoted(const std::string& text) {
  std::string start = text.substr(0, 80);
  for (char& c : start) {
    if (c < 0x20 || c == 0x7f) c = '?';
  }
  return absl::StrCat("'", start, start.size() < text.size() ? "...'" : "'");
}

absl::Status CheckId(const std::string& id, const std::string& field) {
  if (IsId(id)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(field, ": ", Quoted(id),
                   " is no name; take 1 to 63 lower-case letters, digits, '-' and '_', beginning "
                   "with a letter or digit"));
}

}  // namespace alignflow
