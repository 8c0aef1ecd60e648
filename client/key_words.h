#ifndef ALIGNFLOW_CLIENT_KEY_WORDS_H_
#define ALIGNFLOW_CLIENT_KEY_WORDS_H_

#include <string>

#include "absl/status/statusor.h"
#include "alignflow/v1/admin.pb.h"

namespace alignflow {

// "viewer", "operator", "admin", "worker".
std::string RoleWord(v1::KeyRole role);
// InvalidArgument, with those there are.
absl::StatusOr<v1::KeyRole> RoleOfWord(const std::string& word);

}  // namespace alignflow

#endif  // ALIGNFLOW_CLIENT_KEY_WORDS_H_
