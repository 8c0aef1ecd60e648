#include "client/completion.h"

#include <functional>
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"

namespace alignflow {
namespace {

using Commands = std::vector<CommandWords>;
using Files = ValueWords::Files;

// In single quotes, for all three shells.
std::string Quoted(const std::string& text) {
  return absl::StrCat("'", absl::StrReplaceAll(text, {{"'", "'\\''"}}), "'");
}

std::string QuotedForFish(const std::string& text) {
  return absl::StrCat("'", absl::StrReplaceAll(text, {{"\\", "\\\\"}, {"'", "\\'"}}), "'");
}

// "NAME" of "afctl" for names of functions.
const std::string& ProgramOf(const Commands& commands) { return commands.front().path; }

std::vector<std::string> OptionNames(const CommandWords& command) {
  std::vector<std::string> names;
  for (const OptionWords& option : command.options) {
    names.insert(names.end(), option.names.begin(), option.names.end());
  }
  return names;
}

// Patterns of `case` in bash and zsh: each command after the words before it.
std::string CommandPatterns(const Commands& commands) {
  std::vector<std::string> patterns;
  for (const CommandWords& command : commands) {
    if (&command != &commands.front()) patterns.push_back(Quoted(command.path));
  }
  return absl::StrJoin(patterns, "|");
}

// Each option that takes a value, after its command.
std::string ValuePatterns(const Commands& commands) {
  std::vector<std::string> patterns;
  for (const CommandWords& command : commands) {
    for (const OptionWords& option : command.options) {
      if (!option.takes_value) continue;
      for (const std::string& name : option.names) {
        patterns.push_back(Quoted(absl::StrCat(command.path, " ", name)));
      }
    }
  }
  return absl::StrJoin(patterns, "|");
}

// Branches of `case`, of options whose values are completed by the same line.
std::string ValueBranches(const Commands& commands,
                          const std::function<std::string(const ValueWords&)>& line) {
  std::map<std::string, std::vector<std::string>> patterns;
  for (const CommandWords& command : commands) {
    for (const OptionWords& option : command.options) {
      if (!option.takes_value) continue;
      for (const std::string& name : option.names) {
        patterns[line(option.value)].push_back(Quoted(absl::StrCat(command.path, " ", name)));
      }
    }
  }
  std::string text;
  for (const auto& [body, of] : patterns) {
    absl::StrAppend(&text, "    ", absl::StrJoin(of, "|"), ")\n      ", body,
                    "\n      return ;;\n");
  }
  return text;
}

std::string BashValue(const ValueWords& value) {
  if (!value.words.empty()) {
    return absl::StrCat("COMPREPLY=($(compgen -W ", Quoted(absl::StrJoin(value.words, " ")),
                        " -- \"$cur\"))");
  }
  switch (value.files) {
    case Files::kAny:
      return "compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- \"$cur\")";
    case Files::kFolders:
      return "compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -d -- \"$cur\")";
    case Files::kNone:
      return ":";
  }
  return ":";
}

std::string ZshValue(const ValueWords& value) {
  if (!value.words.empty()) return absl::StrCat("compadd -- ", absl::StrJoin(value.words, " "));
  switch (value.files) {
    case Files::kAny:
      return "_files";
    case Files::kFolders:
      return "_files -/";
    case Files::kNone:
      return ":";
  }
  return ":";
}

// An entry of zsh's _describe.
std::string Described(const std::string& name, const std::string& description) {
  return Quoted(absl::StrCat(absl::StrReplaceAll(name, {{":", "\\:"}}), ":", description));
}

const CommandWords* Find(const Commands& commands, const std::string& path) {
  for (const CommandWords& command : commands) {
    if (command.path == path) return &command;
  }
  return nullptr;
}

std::string DescriptionOf(const Commands& commands, const std::string& path) {
  const CommandWords* found = Find(commands, path);
  return found == nullptr ? "" : found->description;
}

}  // namespace

std::string BashCompletion(const Commands& commands) {
  const std::string program = ProgramOf(commands);
  std::string text = absl::StrCat(
      "# Completion of ", program, " for bash, made by `", program, " completion bash`.\n_",
      program, "() {\n",
      "  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} at=", program,
      " i\n"
      "  COMPREPLY=()\n"
      "  # --option=value comes as three words.\n"
      "  if [[ $cur == = ]]; then\n"
      "    cur=\n"
      "  elif [[ $prev == = ]]; then\n"
      "    prev=${COMP_WORDS[COMP_CWORD - 2]}\n"
      "  fi\n"
      "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
      "    case \"$at ${COMP_WORDS[i]}\" in\n"
      "      ",
      ValuePatterns(commands),
      ")\n        [[ ${COMP_WORDS[i + 1]} == = ]] && ((i++)); ((i++)) ;;\n      ",
      CommandPatterns(commands), ")\n        at=\"$at ${COMP_WORDS[i]}\" ;;\n    esac\n  done\n",
      "  case \"$at $prev\" in\n", ValueBranches(commands, BashValue), "  esac\n",
      "  case \"$at\" in\n");
  for (const CommandWords& command : commands) {
    absl::StrAppend(&text, "    ", Quoted(command.path), ")\n      if [[ $cur == -* ]]; then\n",
                    "        COMPREPLY=($(compgen -W ",
                    Quoted(absl::StrJoin(OptionNames(command), " ")),
                    " -- \"$cur\"))\n      else\n        ",
                    command.subcommands.empty()
                        ? BashValue(command.arguments)
                        : BashValue({.words = command.subcommands, .files = Files::kNone}),
                    "\n      fi ;;\n");
  }
  absl::StrAppend(&text, "  esac\n}\ncomplete -F _", program, " ", program, "\n");
  return text;
}

std::string ZshCompletion(const Commands& commands) {
  const std::string program = ProgramOf(commands);
  std::string text = absl::StrCat(
      "#compdef ", program, "\n# Completion of ", program, " for zsh, made by `", program,
      " completion zsh`.\n_", program, "() {\n", "  local at=", program,
      " prev=${words[CURRENT-1]}\n",
      "  local -i i\n  local -a commands options\n"
      "  if [[ $PREFIX == --*=* ]]; then\n"
      "    prev=${PREFIX%%=*}\n"
      "    compset -P '*='\n"
      "  fi\n"
      "  for ((i = 2; i < CURRENT; i++)); do\n"
      "    case \"$at ${words[i]}\" in\n      ",
      ValuePatterns(commands), ")\n        ((i++)) ;;\n      ", CommandPatterns(commands),
      ")\n        at=\"$at ${words[i]}\" ;;\n    esac\n  done\n", "  case \"$at $prev\" in\n",
      ValueBranches(commands, ZshValue), "  esac\n", "  case \"$at\" in\n");
  for (const CommandWords& command : commands) {
    absl::StrAppend(&text, "    ", Quoted(command.path), ")\n      options=(");
    for (const OptionWords& option : command.options) {
      for (const std::string& name : option.names) {
        absl::StrAppend(&text, "\n        ", Described(name, option.description));
      }
    }
    absl::StrAppend(&text, ")\n");
    if (command.subcommands.empty()) {
      absl::StrAppend(&text, "      [[ $PREFIX == -* ]] || ", ZshValue(command.arguments), "\n");
    } else {
      absl::StrAppend(&text, "      commands=(");
      for (const std::string& name : command.subcommands) {
        absl::StrAppend(
            &text, "\n        ",
            Described(name, DescriptionOf(commands, absl::StrCat(command.path, " ", name))));
      }
      absl::StrAppend(&text, ")\n      _describe -t commands command commands\n");
    }
    absl::StrAppend(&text, "      _describe -o options options ;;\n");
  }
  absl::StrAppend(&text, "  esac\n}\nif [[ $funcstack[1] == _", program, " ]]; then\n  _", program,
                  " \"$@\"\nelse\n  compdef _", program, " ", program, "\nfi\n");
  return text;
}

std::string FishCompletion(const Commands& commands) {
  const std::string program = ProgramOf(commands);
  std::string text =
      absl::StrCat("# Completion of ", program, " for fish, made by `", program,
                   " completion fish`.\n", "function __", program, "_at\n  set -l at ", program,
                   "\n  set -l skip 0\n  for word in (commandline -opc)[2..-1]\n"
                   "    if test $skip = 1\n      set skip 0\n      continue\n    end\n"
                   "    switch \"$at $word\"\n      case");
  for (const CommandWords& command : commands) {
    for (const OptionWords& option : command.options) {
      if (!option.takes_value) continue;
      for (const std::string& name : option.names) {
        absl::StrAppend(&text, " ", QuotedForFish(absl::StrCat(command.path, " ", name)));
      }
    }
  }
  absl::StrAppend(&text, "\n        set skip 1\n      case");
  for (const CommandWords& command : commands) {
    if (&command != &commands.front()) {
      absl::StrAppend(&text, " ", QuotedForFish(command.path));
    }
  }
  absl::StrAppend(&text, "\n        set at \"$at $word\"\n    end\n  end\n",
                  "  test \"$at\" = \"$argv[1]\"\nend\ncomplete -c ", program, " -f\n");
  for (const CommandWords& command : commands) {
    const std::string start =
        absl::StrCat("complete -c ", program, " -n ",
                     Quoted(absl::StrCat("__", program, "_at \"", command.path, "\"")));
    for (const std::string& name : command.subcommands) {
      absl::StrAppend(&text, start, " -a ", QuotedForFish(name), " -d ",
                      QuotedForFish(DescriptionOf(commands, absl::StrCat(command.path, " ", name))),
                      "\n");
    }
    if (!command.arguments.words.empty()) {
      absl::StrAppend(&text, start, " -a ",
                      QuotedForFish(absl::StrJoin(command.arguments.words, " ")), "\n");
    } else if (command.subcommands.empty() && command.arguments.files != Files::kNone) {
      absl::StrAppend(&text, start, " -F\n");
    }
    for (const OptionWords& option : command.options) {
      absl::StrAppend(&text, start);
      for (const std::string& name : option.names) {
        const bool is_long = name.starts_with("--");
        absl::StrAppend(&text, is_long ? " -l " : " -s ", name.substr(is_long ? 2 : 1));
      }
      if (option.takes_value) {
        absl::StrAppend(&text, option.value.files == Files::kNone ? " -x" : " -r -F");
      }
      if (!option.value.words.empty()) {
        absl::StrAppend(&text, " -a ", QuotedForFish(absl::StrJoin(option.value.words, " ")));
      }
      absl::StrAppend(&text, " -d ", QuotedForFish(option.description), "\n");
    }
  }
  return text;
}

}  // namespace alignflow
