#include "common/command_line.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/settings/settings.h"
#include "common/version.h"

namespace alignflow {
namespace {

const CLI::App& Deepest(const CLI::App& app) {
  const std::vector<CLI::App*> parsed = app.get_subcommands();
  return parsed.empty() ? app : Deepest(*parsed.front());
}

// "afctl job get".
std::string FullName(const CLI::App& app) {
  const CLI::App* parent = app.get_parent();
  return parent == nullptr ? app.get_name() : absl::StrCat(FullName(*parent), " ", app.get_name());
}

std::vector<std::string> Subcommands(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    names.push_back(command->get_name());
  }
  return names;
}

// Of the command and those above it, whose options may stand anywhere.
std::vector<std::string> Options(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* level = &app; level != nullptr; level = level->get_parent()) {
    for (const CLI::Option* option : level->get_options()) {
      for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
      for (const std::string& name : option->get_snames()) names.push_back("-" + name);
    }
  }
  return names;
}

std::string DidYouMean(const std::string& given, const std::vector<std::string>& known) {
  const std::string nearest = Nearest(given, known);
  return nearest.empty() ? "" : absl::StrCat("; did you mean ", nearest, "?");
}

std::string DescribeExtra(const CLI::App& command, const std::string& extra) {
  const std::string name = FullName(command);
  if (extra.starts_with('-')) {
    const std::string option = extra.substr(0, extra.find('='));
    return absl::StrCat(name, " has no option ", option, DidYouMean(option, Options(command)));
  }
  const std::vector<std::string> commands = Subcommands(command);
  if (commands.empty()) return absl::StrCat(name, ": '", extra, "' is one argument too many");
  return absl::StrCat(name, " has no command '", extra, "'", DidYouMean(extra, commands));
}

// "JOB" or "--pairs N".
std::string Shown(const CLI::Option& option) {
  if (option.get_positional())
    return absl::StrCat(option.get_name(true), " (", option.get_description(), ")");
  return absl::StrCat(option.get_name(), " ", option.get_type_name());
}

// All that is missing, not the first alone.
std::string DescribeMissing(const CLI::App& command) {
  std::vector<std::string> missing;
  for (const CLI::Option* option : command.get_options()) {
    if (option->get_required() && option->count() == 0) missing.push_back(Shown(*option));
  }
  if (!missing.empty()) {
    return absl::StrCat(FullName(command), ": missing: ", absl::StrJoin(missing, ", "));
  }
  return absl::StrCat(FullName(command),
                      ": say which: ", absl::StrJoin(Subcommands(command), ", "));
}

void RefuseEmptyValue(CLI::Option& option) {
  if (option.get_type_size_max() == 0) return;  // a flag
  const std::string remedy =
      option.get_positional() ? "" : absl::StrCat("; give ", option.get_type_name());
  // Before the option's own checks, whose words are about what is not empty.
  option.transform(CLI::Validator(
      [remedy](const std::string& value) {
        return value.empty() ? absl::StrCat("must not be empty", remedy) : std::string();
      },
      "", "not empty"));
}

}  // namespace

void AddVersionFlag(CLI::App& app) {
  app.set_version_flag("--version", absl::StrCat(app.get_name(), " ", std::string(Version())),
                       "print the version and exit");
}

void RefuseEmptyValues(CLI::App& app) {
  for (CLI::Option* option : app.get_options()) RefuseEmptyValue(*option);
  for (CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    RefuseEmptyValues(*command);
  }
}

std::string DescribeUsageError(const CLI::App& app, const CLI::ParseError& error) {
  const CLI::App& command = Deepest(app);
  const std::vector<std::string> extras = app.remaining(/*recurse=*/true);
  if (!extras.empty()) return DescribeExtra(command, extras.front());
  if (dynamic_cast<const CLI::RequiredError*>(&error) != nullptr) return DescribeMissing(command);
  const std::string what = error.what();
  constexpr std::string_view kNoNumber = "Could not convert: ";
  if (what.starts_with(kNoNumber)) {
    return absl::StrCat(FullName(command), ": ", what.substr(kNoNumber.size()),
                        ": not a valid number");
  }
  return absl::StrCat(FullName(command), ": ", what);
}

std::string HelpCommand(const CLI::App& app) {
  return absl::StrCat("`", FullName(Deepest(app)), " --help`");
}

std::optional<int> ParseCommandLine(CLI::App& app, int argc, const char* const* argv) {
  AddVersionFlag(app);
  RefuseEmptyValues(app);
  try {
    app.parse(argc, argv);
    return std::nullopt;
  } catch (const CLI::Success& asked) {
    app.exit(asked, std::cout, std::cerr);
    std::cout.flush();
    if (std::cout.good()) return 0;
    std::cerr << app.get_name() << ": cannot write stdout\n";
  } catch (const CLI::ParseError& error) {
    std::cerr << DescribeUsageError(app, error) << "\nRun " << HelpCommand(app)
              << " for the options.\n";
  }
  return kExitInput;
}

int FinishCommand(std::string_view program, const absl::Status& status) {
  if (status.ok()) return 0;
  std::cerr << program << ": " << status.message() << '\n';
  return kExitInput;
}

}  // namespace alignflow
