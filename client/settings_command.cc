#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <vector>

#include "client/commands.h"
#include "client/job_file.h"
#include "client/text_table.h"
#include "common/settings/settings.h"

namespace alignflow {
namespace {

struct SettingsArguments {
  std::string preset = PresetNames().front();
  std::vector<std::string> settings;  // "key=value"
};

absl::StatusOr<Result> Resolve(const SettingsArguments& arguments) {
  SettingMap given;
  for (const std::string& text : arguments.settings) {
    absl::Status added = AddSetting(text, given);
    if (!added.ok()) return added;
  }
  const auto resolved = ResolveSettings(arguments.preset, given);
  if (!resolved.ok()) return resolved.status();
  std::vector<std::vector<std::string>> rows = {{"SETTING", "VALUE"}};
  for (const auto& [name, value] : *resolved) rows.push_back({name, value});
  return Result{.document = {{"preset", arguments.preset}, {"settings", *resolved}},
                .text = TableText(rows, {})};
}

}  // namespace

void AddSettingsCommand(CLI::App& app, Action& chosen) {
  CLI::App* command = app.add_subcommand(
      "settings", "show what every setting of a job would be; `align --help` says what they mean");
  auto arguments = std::make_shared<SettingsArguments>();
  command->add_option("--preset", arguments->preset, "network and defaults")
      ->type_name("NAME")
      ->capture_default_str();
  command->add_option("--set", arguments->settings, "a setting, as for `align`; may be repeated")
      ->type_name("KEY=VALUE")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  command->callback(
      [&chosen, arguments] { chosen = [arguments](Session&) { return Resolve(*arguments); }; });
}

}  // namespace alignflow
