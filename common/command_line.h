#ifndef ALIGNFLOW_COMMON_COMMAND_LINE_H_
#define ALIGNFLOW_COMMON_COMMAND_LINE_H_

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace CLI {
class App;
class ParseError;
}  // namespace CLI

namespace alignflow {

// The command line of all three programs.

// Exit code of a program whose command line or input was wrong.
inline constexpr int kExitInput = 1;

// Adds --version, which prints "PROGRAM VERSION".
void AddVersionFlag(CLI::App& app);

// Has every option and argument of `app` and its subcommands refuse an empty value, which a shell
// makes of an unset variable. Call it when all are there.
void RefuseEmptyValues(CLI::App& app);

// One line on what is wrong with a command line that app.parse threw `error` for: with the nearest
// option or subcommand where one was unknown, and what may stand there where one is missing.
std::string DescribeUsageError(const CLI::App& app, const CLI::ParseError& error);

// "`afctl job get --help`", for the subcommand that the command line had got to.
std::string HelpCommand(const CLI::App& app);

// The whole of it for a program that needs no more: --version, empty values, then parses. Returns
// the exit code if the program ends here, after it has printed help, version or error.
std::optional<int> ParseCommandLine(CLI::App& app, int argc, const char* const* argv);

// Prints "PROGRAM: why" on stderr and returns kExitInput; 0 where all is well.
int FinishCommand(std::string_view program, const absl::Status& status);

}  // namespace alignflow

#endif  // ALIGNFLOW_COMMON_COMMAND_LINE_H_
