#ifndef ALIGNFLOW_COMMON_SETTINGS_SETTINGS_H_
#define ALIGNFLOW_COMMON_SETTINGS_SETTINGS_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

namespace alignflow {

// Pairs in one generate task.
inline constexpr int kShardPairs = 32;

// Dotted name -> value in canonical text ("0.001", "pool", "true").
using SettingMap = std::map<std::string, std::string>;

enum class SettingType {
  kInteger,
  kReal,
  kChoice,
  kShares,  // shares of named parts that add up to 1 (canonical_text.h): "a:0.5,b:0.5"
  kFolder,  // the plain name of a folder: letters, digits, '-', '_' and '.', which is not the first
  kNames,   // names between commas, at most kMaxTextBytes; may be empty
  kText     // one line of UTF-8, at most kMaxTextBytes; may be empty
};

inline constexpr size_t kMaxTextBytes = 1000;

// One thing that a user may set about a job.
struct Setting {
  std::string_view name;  // such as "align.weight"
  SettingType type;
  double minimum, maximum;                // kInteger, kReal; inclusive
  std::vector<std::string_view> choices;  // kChoice; kShares: the parts' names
  std::vector<std::string_view> kinds;    // the task kinds whose result depends on it
  std::string_view help;                  // one line, with unit and source (paper's table)
};

// All settings, in the order in which help lists them. A preset need not have each.
const std::vector<Setting>& AllSettings();

// Preset names, the default first.
const std::vector<std::string>& PresetNames();

// The preset's value for every setting that it has. InvalidArgument for an unknown preset, naming
// the nearest.
absl::StatusOr<SettingMap> PresetDefaults(std::string_view preset);

// The preset's defaults overridden by `given`, all in canonical text. InvalidArgument names an
// unknown key with the nearest valid one or, of an earlier version, with what to write today, a key
// that the preset does not have, a value that is not of its type, and a value out of range with the
// range.
absl::StatusOr<SettingMap> ResolveSettings(std::string_view preset, const SettingMap& given);

// The side in pixels of the square, or in voxels of the cube, that a preset works at, under its
// settings. InvalidArgument for
// an unknown preset.
absl::StatusOr<int> ImageSizeOf(std::string_view preset, const SettingMap& resolved);
// Every preset for pictures (dims 2) or volumes (3) with the size of its defaults.
const std::vector<std::pair<std::string, int>>& PresetSizes(int dims = 2);
// 3 for a preset that works on volumes, else 2.
int DimsOfPreset(std::string_view preset);

// The part of `resolved` that a task kind's result depends on, plus "preset". Memoization rests on
// it. Of generate.mix, rollout and align are told the kind that they start from alone, so that jobs
// with other shares use the same model. An independent coupling and tolerances of a solver that has
// none are left away.
SettingMap SettingsOfKind(std::string_view kind, std::string_view preset,
                          const SettingMap& resolved);

// The side in pixels of the square images that tasks of a preset work on: its own, or the setting
// "size" where it has that one. 0 for an unknown preset or a size that is no number.
int64_t ImageSide(std::string_view preset, const SettingMap& settings);

// The candidate with the smallest edit distance to `text`; empty if there are none.
std::string Nearest(std::string_view text, const std::vector<std::string>& candidates);

}  // namespace alignflow

#endif  // ALIGNFLOW_COMMON_SETTINGS_SETTINGS_H_
