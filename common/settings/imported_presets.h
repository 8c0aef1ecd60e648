#ifndef ALIGNFLOW_COMMON_SETTINGS_IMPORTED_PRESETS_H_
#define ALIGNFLOW_COMMON_SETTINGS_IMPORTED_PRESETS_H_

#include <string_view>

namespace alignflow {

// Whether models of the preset were trained elsewhere and are imported: "motfm", of pictures, and
// "motfm-3d", of volumes. They are not among PresetNames, which is what jobs may be given.
bool IsImportedPreset(std::string_view preset);

}  // namespace alignflow

#endif  // ALIGNFLOW_COMMON_SETTINGS_IMPORTED_PRESETS_H_
