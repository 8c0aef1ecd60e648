#ifndef ALIGNFLOW_CLIENT_SETTINGS_HELP_H_
#define ALIGNFLOW_CLIENT_SETTINGS_HELP_H_

#include <string>

namespace alignflow {

// Every job setting with its meaning, its range and each preset's default, as lines for --help.
std::string SettingsHelp();

}  // namespace alignflow

#endif  // ALIGNFLOW_CLIENT_SETTINGS_HELP_H_
