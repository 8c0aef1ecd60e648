#include "client/key_words.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace alignflow {

std::string RoleWord(v1::KeyRole role) {
  const std::string name = v1::KeyRole_Name(role);
  return absl::AsciiStrToLower(absl::StripPrefix(name, "KEY_ROLE_"));
}

absl::StatusOr<v1::KeyRole> RoleOfWord(const std::string& word) {
  v1::KeyRole role = v1::KEY_ROLE_UNSPECIFIED;
  const std::string name = absl::StrCat("KEY_ROLE_", absl::AsciiStrToUpper(word));
  if (v1::KeyRole_Parse(name, &role) && role != v1::KEY_ROLE_UNSPECIFIED) return role;
  return absl::InvalidArgumentError("--role: give viewer, operator, admin or worker");
}

}  // namespace alignflow
