#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "client/commands.h"
#include "client/completion.h"

namespace alignflow {
namespace {

std::string FirstLine(const std::string& text) {
  return std::string(absl::StripAsciiWhitespace(text.substr(0, text.find('\n'))));
}

// By the name of its type: "a|b" are the only words, of which those in capitals stand for others; a
// validator adds "{a,b}". FILE and DIR are files; so is what has an ending.
ValueWords ValueOf(const CLI::Option& option) {
  ValueWords value;
  std::string type = option.get_type_name();
  if (const size_t open = type.find('{'); open != std::string::npos) {
    const size_t close = type.find('}', open);
    value.words = absl::StrSplit(type.substr(open + 1, close - open - 1), ',');
    return value;
  }
  if (absl::StrContains(type, '|')) {
    for (const std::string& word : std::vector<std::string>(absl::StrSplit(type, '|'))) {
      const bool fixed = std::ranges::none_of(word, absl::ascii_isupper);
      if (fixed) value.words.push_back(word);
    }
    return value;
  }
  if (type == "DIR") value.files = ValueWords::Files::kFolders;
  if (type == "FILE" || absl::StrContains(type, '.')) value.files = ValueWords::Files::kAny;
  return value;
}

OptionWords WordsOf(const CLI::Option& option) {
  OptionWords words;
  for (const std::string& name : option.get_lnames()) words.names.push_back("--" + name);
  for (const std::string& name : option.get_snames()) words.names.push_back("-" + name);
  words.description = FirstLine(option.get_description());
  words.takes_value = option.get_items_expected_max() > 0;
  if (words.takes_value) words.value = ValueOf(option);
  return words;
}

// `inherited`: the options of the groups above, which may stand behind a command as well.
void AddWords(const CLI::App& app, const std::string& path, std::vector<OptionWords> inherited,
              std::vector<CommandWords>& commands) {
  CommandWords command{.path = path, .description = FirstLine(app.get_description())};
  for (const CLI::Option* option : app.get_options([](const CLI::Option*) { return true; })) {
    if (option->nonpositional()) {
      command.options.push_back(WordsOf(*option));
      continue;
    }
    const ValueWords value = ValueOf(*option);
    command.arguments.words.insert(command.arguments.words.end(), value.words.begin(),
                                   value.words.end());
    command.arguments.files = std::max(command.arguments.files, value.files);
  }
  for (const OptionWords& option : inherited) {
    const auto same = [&](const OptionWords& own) { return own.names == option.names; };
    if (std::ranges::none_of(command.options, same)) command.options.push_back(option);
  }
  inherited = command.options;
  const auto subcommands = app.get_subcommands([](const CLI::App*) { return true; });
  for (const CLI::App* sub : subcommands) command.subcommands.push_back(sub->get_name());
  commands.push_back(std::move(command));
  for (const CLI::App* sub : subcommands) {
    AddWords(*sub, absl::StrCat(path, " ", sub->get_name()), inherited, commands);
  }
}

}  // namespace

void AddCompletionCommand(CLI::App& app, Action& chosen) {
  CLI::App* command = app.add_subcommand(
      "completion", "print a script by which a shell completes commands, options and their values");
  command->footer(
      "bash: put `source <(afctl completion bash)` into ~/.bashrc, or the script into\n"
      "      ~/.local/share/bash-completion/completions/afctl\n"
      "zsh:  write it to a file _afctl in a folder of $fpath\n"
      "fish: write it to ~/.config/fish/completions/afctl.fish");
  auto shell = std::make_shared<std::string>();
  command->add_option("shell", *shell, "bash, zsh or fish")
      ->type_name("bash|zsh|fish")
      ->check(CLI::IsMember({"bash", "zsh", "fish"}))
      ->required();
  command->callback([&app, &chosen, shell] {
    chosen = [&app, shell](Session&) -> absl::StatusOr<Result> {
      std::vector<CommandWords> commands;
      AddWords(app, app.get_name(), {}, commands);
      std::string script = *shell == "bash"  ? BashCompletion(commands)
                           : *shell == "zsh" ? ZshCompletion(commands)
                                             : FishCompletion(commands);
      return Result{.document = {{"shell", *shell}, {"script", script}}, .text = script};
    };
  });
}

}  // namespace alignflow
