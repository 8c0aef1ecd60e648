#ifndef ALIGNFLOW_CLIENT_SETTINGS_HELP_H_
#define ALIGNFLOW_CLIENT_SETTINGS_HELP_H_

#include <string>
#include <string_view>

namespace alignflow {

// Every job setting with its meaning, its range and each preset's default, as lines for --help.
std::string SettingsHelp();

// The values of a setting that is a choice, such as "unet|segformer|none".
std::string ChoicesOf(std::string_view setting);

}  // namespace alignflow

#endif  // ALIGNFLOW_CLIENT_SETTINGS_HELP_H_
