#ifndef ALIGNFLOW_SERVER_TENANTS_COMMANDS_H_
#define ALIGNFLOW_SERVER_TENANTS_COMMANDS_H_

namespace alignflow {

// Runs `alignflow-coordinator tenants create|list ...` on a state folder, whose coordinator may be
// at work. Returns the exit code.
int RunTenantsCommand(int argc, char** argv);

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_TENANTS_COMMANDS_H_
