// Holds the commands in README.md and docs/ to the command line as it is.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "client/app.h"
#include "common/command_line.h"
#include "common/settings/settings.h"
#include "tests/common/temp_folder.h"

namespace alignflow {
namespace {

namespace fs = std::filesystem;

struct Documented {
  std::string where;               // "README.md:27"
  std::vector<std::string> words;  // after "afctl"
  bool whole;                      // a line to type; otherwise a mention, which may lack arguments
};

// The words of a shell command, up to a comment, a pipe, a redirection or `&`.
std::vector<std::string> Words(const std::string& line) {
  std::vector<std::string> words;
  std::string word;
  bool open = false;
  char quote = 0;
  for (const char c : line + " ") {
    if (quote != 0) {
      if (c == quote) {
        quote = 0;
      } else {
        word += c;
      }
    } else if (c == '\'' || c == '"') {
      quote = c;
      open = true;
    } else if (c == ' ') {
      if (open || !word.empty()) words.push_back(word);
      word.clear();
      open = false;
    } else if (std::string("#|&<>").find(c) != std::string::npos && word.empty()) {
      break;
    } else {
      word += c;
    }
  }
  return words;
}

bool IsAfctl(const std::vector<std::string>& words) {
  return !words.empty() && fs::path(words.front()).filename() == "afctl";
}

void AddIfAfctl(const std::string& where, const std::string& text, bool whole,
                std::vector<Documented>& found) {
  std::vector<std::string> words = Words(text);
  if (!IsAfctl(words)) return;
  words.erase(words.begin());
  found.push_back({where, words, whole});
}

// Lines of code, which are indented or fenced, and code within a sentence.
std::vector<Documented> CommandsIn(const fs::path& file) {
  std::vector<Documented> found;
  std::istringstream lines(ReadFile(file));
  int number = 0;
  bool fenced = false;
  for (std::string line; std::getline(lines, line);) {
    const std::string where = file.filename().string() + ":" + std::to_string(++number);
    if (line.starts_with("```")) fenced = !fenced;
    if (fenced || line.starts_with("    ")) {
      for (std::string next; line.ends_with('\\') && std::getline(lines, next); ++number) {
        line.back() = ' ';
        line += next;
      }
      AddIfAfctl(where, line, true, found);
      continue;
    }
    for (size_t open = line.find('`'); open != std::string::npos; open = line.find('`', open)) {
      const size_t close = line.find('`', open + 1);
      if (close == std::string::npos) break;
      AddIfAfctl(where, line.substr(open + 1, close - open - 1), false, found);
      open = close + 1;
    }
  }
  return found;
}

std::vector<Documented> AllCommands() {
  const fs::path root = fs::path(ALIGNFLOW_TEST_DATA) / ".." / "..";
  std::set<fs::path> files = {root / "README.md"};
  for (const auto& entry : fs::directory_iterator(root / "docs")) {
    if (entry.path().extension() == ".md") files.insert(entry.path());
  }
  std::vector<Documented> found;
  for (const fs::path& file : files) {
    for (Documented& command : CommandsIn(file)) found.push_back(std::move(command));
  }
  return found;
}

// What afctl would say against a command; empty if it takes it.
std::string Fault(const Documented& command) {
  CommandLine line;
  try {
    line.Parse(command.words);
  } catch (const CLI::Success&) {
    return "";  // --help
  } catch (const CLI::ParseError& error) {
    const std::string fault = DescribeUsageError(line.app(), error);
    const bool lacks = fault.find(": missing: ") != std::string::npos ||
                       fault.find(": say which: ") != std::string::npos;
    if (command.whole || !lacks) return fault;
  }
  return "";
}

// The same of its --set, for the preset that it names.
std::string SettingsFault(const std::vector<std::string>& words) {
  std::string preset = PresetNames().front();
  SettingMap settings;
  for (size_t i = 0; i + 1 < words.size(); ++i) {
    if (words[i] == "--preset") preset = words[i + 1];
    if (words[i] != "--set") continue;
    const size_t equals = words[i + 1].find('=');
    // KEY=VALUE stands for any.
    if (equals == std::string::npos || words[i + 1] == "KEY=VALUE") continue;
    settings[words[i + 1].substr(0, equals)] = words[i + 1].substr(equals + 1);
  }
  return std::string(ResolveSettings(preset, settings).status().message());
}

TEST(DocumentedCommands, EachIsTakenByTheCommandLineAsItIs) {
  const std::vector<Documented> commands = AllCommands();
  for (const Documented& command : commands) {
    EXPECT_EQ(Fault(command), "") << command.where;
    EXPECT_EQ(SettingsFault(command.words), "") << command.where;
  }
  const auto whole = std::ranges::count_if(commands, &Documented::whole);
  EXPECT_GE(whole, 7) << "README.md's first job and docs/sd35.md's";
  EXPECT_GE(static_cast<long>(commands.size()) - whole, 10) << "mentions";
}

TEST(DocumentedCommands, ACommandThatIsNotThereWouldBeFound) {
  EXPECT_NE(Fault({"", {"dataset", "pull"}, false}), "");
  EXPECT_NE(Fault({"", {"align", "--no-such-option"}, false}), "");
  EXPECT_NE(Fault({"", {"dataset", "push", "name"}, true}), "");
  EXPECT_EQ(Fault({"", {"dataset", "push"}, false}), "");
  EXPECT_NE(SettingsFault({"align", "--set", "fit.iteration=3"}), "");
}

TEST(DocumentedCommands, LinesAreReadAsAShellReadsThem) {
  EXPECT_EQ(Words("afctl a 'b c' \"\" d=e # f"),
            (std::vector<std::string>{"afctl", "a", "b c", "", "d=e"}));
  EXPECT_EQ(Words("build/bin/afctl job watch J > file").size(), 4u);
}

}  // namespace
}  // namespace alignflow
