#include "client/app.h"
#include "client/console.h"
#include "common/channel.h"

int main(int argc, char** argv) {
  alignflow::Console console = alignflow::SystemConsole();
  return alignflow::RunAfctl(std::vector<std::string>(argv + 1, argv + argc), console,
                             alignflow::CreateChannel);
}
