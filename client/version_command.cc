#include <CLI/CLI.hpp>

#include "absl/strings/str_cat.h"
#include "client/commands.h"
#include "common/settings/settings.h"
#include "common/version.h"

namespace alignflow {

void AddVersionCommand(CLI::App& app, Action& chosen) {
  CLI::App* command = app.add_subcommand("version", "print the version of this program");
  command->callback([&chosen] {
    chosen = [](Session&) -> absl::StatusOr<Result> {
      return Result{.document = {{"version", Version()}, {"result_version", kResultVersion}},
                    .text = absl::StrCat("afctl ", std::string(Version()), "\n")};
    };
  });
}

}  // namespace alignflow
