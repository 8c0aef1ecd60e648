#include "client/settings_help.h"

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "common/settings/settings.h"

namespace alignflow {
namespace {

std::string Range(const Setting& setting) {
  if (setting.type == SettingType::kChoice)
    return absl::StrJoin(std::vector<std::string>(setting.choices.begin(), setting.choices.end()),
                         " | ");
  if (setting.type == SettingType::kShares) {
    return absl::StrCat(
        "shares of ",
        absl::StrJoin(std::vector<std::string>(setting.choices.begin(), setting.choices.end()),
                      ", "));
  }
  if (setting.type == SettingType::kFolder) return "a folder's name";
  if (setting.type == SettingType::kText) return "text";
  if (setting.type == SettingType::kNames) return "names between commas";
  if (setting.type == SettingType::kInteger) {
    return absl::StrFormat("%.0f to %.0f", setting.minimum, setting.maximum);
  }
  return absl::StrFormat("%g to %g", setting.minimum, setting.maximum);
}

// "900", or "unet-64 900, unet-128 1200" where presets differ.
std::string Defaults(const std::string& name) {
  std::set<std::string> values;
  std::vector<std::string> each;
  for (const std::string& preset : PresetNames()) {
    const auto defaults = PresetDefaults(preset);
    const auto value = defaults.ok() ? defaults->find(name) : SettingMap::const_iterator();
    if (!defaults.ok() || value == defaults->end()) continue;
    values.insert(value->second);
    each.push_back(absl::StrCat(preset, " ", value->second));
  }
  const bool same = values.size() == 1 && each.size() == PresetNames().size();
  return same ? *values.begin() : absl::StrJoin(each, ", ");
}

}  // namespace

std::string ChoicesOf(std::string_view name) {
  const auto found = std::ranges::find(AllSettings(), name, &Setting::name);
  return absl::StrJoin(std::vector<std::string>(found->choices.begin(), found->choices.end()), "|");
}

std::string SettingsHelp() {
  std::string text = absl::StrCat("Presets: ", absl::StrJoin(PresetNames(), ", "),
                                  " (the first is the default).\nSettings, for --set key=value:\n");
  for (const Setting& setting : AllSettings()) {
    absl::StrAppend(&text, "  ", std::string(setting.name), "\n      ", std::string(setting.help),
                    "\n      ", Range(setting), "; default ", Defaults(std::string(setting.name)),
                    "\n");
  }
  return text;
}

}  // namespace alignflow
