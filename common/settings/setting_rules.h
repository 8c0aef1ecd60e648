#ifndef ALIGNFLOW_COMMON_SETTINGS_SETTING_RULES_H_
#define ALIGNFLOW_COMMON_SETTINGS_SETTING_RULES_H_

#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/settings/settings.h"

// What settings mean together, beyond each one's own range. Pure functions, thread-safe; `resolved`
// holds all settings of the preset (ResolveSettings).
namespace alignflow {

// InvalidArgument, naming the settings and the remedy, for those that a preset cannot have
// together.
absl::Status CheckSettingsTogether(std::string_view preset, const SettingMap& resolved);

// Whether stage 2's trajectories start from source images, and not from noise.
absl::StatusOr<bool> StartsFromSourceImages(const SettingMap& resolved);

}  // namespace alignflow

#endif  // ALIGNFLOW_COMMON_SETTINGS_SETTING_RULES_H_
