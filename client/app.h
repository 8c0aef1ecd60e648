#ifndef ALIGNFLOW_CLIENT_APP_H_
#define ALIGNFLOW_CLIENT_APP_H_

#include <string>
#include <vector>

#include "client/console.h"
#include "client/session.h"

namespace alignflow {

inline constexpr int kExitFailure = 1;
inline constexpr int kExitUsage = 2;

// Runs afctl with the arguments after its name. Returns the exit code: 0 only on success.
// With --json, stdout gets exactly one JSON document, which is {"error": {"code", "message"}} where
// the command failed. The server comes from --server, or else from AFCTL_SERVER.
int RunAfctl(const std::vector<std::string>& arguments, Console& console, Connector connector);

}  // namespace alignflow

#endif  // ALIGNFLOW_CLIENT_APP_H_
