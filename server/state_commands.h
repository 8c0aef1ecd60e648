#ifndef ALIGNFLOW_SERVER_STATE_COMMANDS_H_
#define ALIGNFLOW_SERVER_STATE_COMMANDS_H_

#include <optional>

namespace alignflow {

// Runs `alignflow-coordinator backup|restore|check|migrate-state|keys|tenants|--probe ...`. Returns
// the exit code (1: failed, or something is wrong with the state); nothing if the command line is
// none of these.
std::optional<int> RunStateCommand(int argc, char** argv);

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_STATE_COMMANDS_H_
