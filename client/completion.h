#ifndef ALIGNFLOW_CLIENT_COMPLETION_H_
#define ALIGNFLOW_CLIENT_COMPLETION_H_

#include <string>
#include <vector>

// Scripts by which a shell completes a program's command line. They hold every word themselves, so
// that a key pressed asks nobody. Pure functions.
namespace alignflow {

// What may stand where a value is given.
struct ValueWords {
  enum class Files { kNone, kAny, kFolders };
  std::vector<std::string> words;  // the only ones, if there are any
  Files files = Files::kNone;
};

struct OptionWords {
  std::vector<std::string> names;  // "--output", "-o"
  std::string description;         // one line
  bool takes_value = false;
  ValueWords value = {};
};

// A command or a group of commands.
struct CommandWords {
  std::string path;  // "afctl job list"
  std::string description;
  std::vector<std::string> subcommands = {};  // their last words
  std::vector<OptionWords> options = {};      // those of the groups above among them
  ValueWords arguments = {};                  // of all its arguments together
};

// `commands`: the program first, each group before what belongs to it.
std::string BashCompletion(const std::vector<CommandWords>& commands);
std::string ZshCompletion(const std::vector<CommandWords>& commands);
std::string FishCompletion(const std::vector<CommandWords>& commands);

}  // namespace alignflow

#endif  // ALIGNFLOW_CLIENT_COMPLETION_H_
