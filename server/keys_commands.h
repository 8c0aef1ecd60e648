#ifndef ALIGNFLOW_SERVER_KEYS_COMMANDS_H_
#define ALIGNFLOW_SERVER_KEYS_COMMANDS_H_

namespace alignflow {

// Runs `alignflow-coordinator keys create|list|revoke ...` on a state folder, whose coordinator may
// be at work: it follows within seconds. Returns the exit code.
int RunKeysCommand(int argc, char** argv);

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_KEYS_COMMANDS_H_
