#ifndef ALIGNFLOW_CLIENT_COMMANDS_H_
#define ALIGNFLOW_CLIENT_COMMANDS_H_

#include "client/session.h"

namespace CLI {
class App;
}

// One function per command group: adds its commands to `app`. The command that the user asks for
// then puts what it does into `chosen`; nothing is done while arguments are parsed.
namespace alignflow {

void AddPhantomCommand(CLI::App& app, Action& chosen);
void AddDatasetCommands(CLI::App& app, Action& chosen);
void AddAlignCommand(CLI::App& app, Action& chosen);
void AddFitCommand(CLI::App& app, Action& chosen);
void AddGenerateCommand(CLI::App& app, Action& chosen);
void AddJobCommands(CLI::App& app, Action& chosen);
void AddPairsCommands(CLI::App& app, Action& chosen);
void AddReportCommand(CLI::App& app, Action& chosen);
void AddModelCommands(CLI::App& app, Action& chosen);
void AddWorkerCommands(CLI::App& app, Action& chosen);
void AddTenantCommands(CLI::App& app, Action& chosen);
void AddViewCommand(CLI::App& app, Action& chosen);
void AddSpaceCommand(CLI::App& app, Action& chosen);
void AddSettingsCommand(CLI::App& app, Action& chosen);
void AddKeyCommands(CLI::App& app, Action& chosen);
void AddAuditCommands(CLI::App& app, Action& chosen);
void AddDoctorCommand(CLI::App& app, Action& chosen);
void AddLoginCommands(CLI::App& app, Action& chosen);
void AddVersionCommand(CLI::App& app, Action& chosen);
void AddCompletionCommand(CLI::App& app, Action& chosen);

// --timeout, which several commands have: how long the coordinator may be silent.
inline constexpr double kDefaultTimeoutSeconds = 600;
void AddTimeoutOption(CLI::App& command, double& seconds);

}  // namespace alignflow

#endif  // ALIGNFLOW_CLIENT_COMMANDS_H_
