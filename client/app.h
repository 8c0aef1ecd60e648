#ifndef ALIGNFLOW_CLIENT_APP_H_
#define ALIGNFLOW_CLIENT_APP_H_

#include <memory>
#include <string>
#include <vector>

#include "client/console.h"
#include "client/session.h"

namespace CLI {
class App;
}

namespace alignflow {

// Exit codes, as `afctl --help` lists them; 0 only where all was done and printed.
inline constexpr int kExitFailure = 1;   // the command line, a file or a name: mend what was given
inline constexpr int kExitJob = 2;       // the job failed or was cancelled
inline constexpr int kExitNoAnswer = 3;  // the coordinator does not answer
inline constexpr int kExitFault = 4;     // output can't be written, data are damaged, a bug

// The commands and options of afctl. What they read into lives with the object.
class CommandLine {
 public:
  CommandLine();
  ~CommandLine();
  CommandLine(const CommandLine&) = delete;
  CommandLine& operator=(const CommandLine&) = delete;

  // The arguments after the program's name, in order. Throws CLI::ParseError.
  void Parse(const std::vector<std::string>& arguments);

  const CLI::App& app() const { return *app_; }
  bool json() const { return json_; }
  // What was given on the command line: empty where nothing was.
  const std::string& server() const { return server_; }
  const std::string& ca_file() const { return ca_file_; }
  const std::string& context() const { return context_; }
  // What the user asked for.
  const Action& chosen() const { return chosen_; }

 private:
  std::unique_ptr<CLI::App> app_;
  bool json_ = false;
  std::string server_, ca_file_, context_;
  Action chosen_;
};

// Runs afctl with the arguments after its name. Returns the exit code.
// With --json, stdout gets exactly one JSON document, which is {"error": {"code", "message"}} where
// the command failed. Server, CA and access key come from the options, or else from AFCTL_SERVER,
// AFCTL_CA and AFCTL_KEY, or else from the context (client/contexts.h) that --context or
// AFCTL_CONTEXT names, or the current one. A context's key goes to the context's server and to no
// other.
int RunAfctl(const std::vector<std::string>& arguments, Console& console, Connector connector);

}  // namespace alignflow

#endif  // ALIGNFLOW_CLIENT_APP_H_
