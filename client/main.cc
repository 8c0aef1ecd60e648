#include <csignal>
#include <cstdlib>

#include "client/app.h"
#include "client/console.h"
#include "client/interrupt.h"
#include "common/channel.h"

int main(int argc, char** argv) {
  // gRPC's own lines about connections; what matters of them is said once, in afctl's words.
  setenv("GRPC_VERBOSITY", "NONE", 0);
  // A reader that goes away is an error of the write, which says so.
  std::signal(SIGPIPE, SIG_IGN);
  alignflow::Interrupt::Install();
  alignflow::Console console = alignflow::SystemConsole();
  return alignflow::RunAfctl(std::vector<std::string>(argv + 1, argv + argc), console,
                             alignflow::CreateChannel);
}
