#ifndef ALIGNFLOW_COMMON_SETTINGS_IMPORTED_PRESETS_H_
#define ALIGNFLOW_COMMON_SETTINGS_IMPORTED_PRESETS_H_

#include <string>
#include <string_view>
#include <vector>

namespace alignflow {

// The presets of models that were trained elsewhere and are imported: "motfm", of pictures, and
// "motfm-3d", of volumes. They are not among PresetNames, which is what jobs may be given.
const std::vector<std::string>& ImportedPresetNames();
bool IsImportedPreset(std::string_view preset);

}  // namespace alignflow

#endif  // ALIGNFLOW_COMMON_SETTINGS_IMPORTED_PRESETS_H_
