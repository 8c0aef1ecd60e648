#ifndef ALIGNFLOW_CLIENT_SERVER_WORDS_H_
#define ALIGNFLOW_CLIENT_SERVER_WORDS_H_

#include <string>

#include "absl/status/status.h"

namespace alignflow {

// The message of an error in the words of afctl's user. The coordinator speaks to every client of
// its API and names fields of messages; where afctl fills those from an option, a file or a name,
// the user knows that: "spec.pairs: is 0" becomes "--pairs: is 0". Methods of the API become the
// commands that call them, and "datasets/x" becomes "dataset x". Paths of files stay. Pure.
std::string InUsersWords(const absl::Status& status);

}  // namespace alignflow

#endif  // ALIGNFLOW_CLIENT_SERVER_WORDS_H_
