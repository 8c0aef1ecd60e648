#include "common/settings/setting_rules.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/settings/pair_mix.h"

namespace alignflow {
namespace {

// Stage 2 tunes steps that are made anew: the first of them lies behind the start of restyling.
absl::Status CheckStart(const SettingMap& resolved) {
  double strength = 0;
  int64_t start_index = 0;
  if (!absl::SimpleAtod(resolved.at("restyle.strength"), &strength) ||
      !absl::SimpleAtoi(resolved.at("align.start_index"), &start_index)) {
    return absl::InternalError("restyle.strength or align.start_index is not a number");
  }
  const absl::StatusOr<bool> restyles = StartsFromSourceImages(resolved);
  if (!restyles.ok()) return restyles.status();
  const int64_t start = std::lround(20 * (1 - strength));
  if (start_index > start || !*restyles) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("settings align.start_index and restyle.strength: restyling starts at step ",
                   start, " of 20, so align.start_index must be above it; raise one of the two"));
}

// What works on pictures alone: the values that a preset for volumes takes of a setting, its own
// first.
struct OnPictures {
  std::string_view setting;
  std::vector<std::string_view> taken;
  std::string_view why;
};
const std::vector<OnPictures>& NotOnVolumes() {
  static const auto* const rows = new std::vector<OnPictures>{
      {"method",
       {"alignflow", "controlnet-fm", "reinhard", "fda"},
       "volumes have no field of view to frame"},
      {"framing", {"none"}, "volumes have no field of view to frame"},
      {"masks.kind", {"real"}, "new masks are made of pictures alone"},
      {"judge.segmenter", {"unet"}, "the U-Net alone judges volumes"},
      {"evaluate.size", {"0"}, "segmentation models work on the cubes that the model works on"},
      {"evaluate.segmenter", {"unet", "none"}, "the U-Net alone is trained on volumes"},
  };
  return *rows;
}

absl::Status CheckVolumes(std::string_view preset, const SettingMap& resolved) {
  if (DimsOfPreset(preset) != 3) return absl::OkStatus();
  for (const OnPictures& row : NotOnVolumes()) {
    const std::string& value = resolved.at(std::string(row.setting));
    if (std::ranges::find(row.taken, value) != row.taken.end()) continue;
    const std::vector<std::string> taken(row.taken.begin(), row.taken.end());
    return absl::InvalidArgumentError(
        absl::StrCat("setting ", std::string(row.setting), ": with the preset ",
                     std::string(preset), " ", std::string(row.why), ", so it can't be ", value,
                     "; leave it at ", taken.front(), taken.size() > 1 ? ", or give " : "",
                     absl::StrJoin(taken.begin() + 1, taken.end(), " or ")));
  }
  return absl::OkStatus();
}

constexpr int64_t kMostVoxels = 256;  // along a side of a volume

// Pairs are handed out as large as the model works or larger: nothing that it made is thrown away.
// Segmentation models halve their images up to five times.
absl::Status CheckSizes(std::string_view preset, const SettingMap& resolved) {
  int64_t side = 0, evaluated = 0;
  if (!absl::SimpleAtoi(resolved.at("pairs.size"), &side) ||
      !absl::SimpleAtoi(resolved.at("evaluate.size"), &evaluated)) {
    return absl::InternalError("pairs.size or evaluate.size is not a number");
  }
  if (evaluated % 32 != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("setting evaluate.size: ", evaluated, " is not a multiple of 32; give ",
                     evaluated / 32 * 32, " or ", (evaluated / 32 + 1) * 32));
  }
  if (DimsOfPreset(preset) == 3 && side > kMostVoxels) {
    return absl::InvalidArgumentError(absl::StrCat("setting pairs.size: volumes are handed out at ",
                                                   kMostVoxels, " voxels a side at most; give ",
                                                   kMostVoxels, " or less"));
  }
  const int64_t made_at = ImageSide(preset, resolved);
  if (side == 0 || side >= made_at) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("setting pairs.size: ", side, " is smaller than the ", made_at,
                   " pixels that the model works at; give 0 for those, or more"));
}

}  // namespace

absl::StatusOr<bool> StartsFromSourceImages(const SettingMap& resolved) {
  const absl::StatusOr<PairMix> mix = PairMix::Of(resolved);
  if (!mix.ok()) return mix.status();
  return mix->model_kind() == PairKind::kRestyled;
}

absl::Status CheckSettingsTogether(std::string_view preset, const SettingMap& resolved) {
  if (absl::Status status = CheckVolumes(preset, resolved); !status.ok()) return status;
  if (absl::Status status = CheckStart(resolved); !status.ok()) return status;
  if (absl::Status status = CheckSizes(preset, resolved); !status.ok()) return status;
  const auto size = resolved.find("size");
  if (size == resolved.end()) return absl::OkStatus();  // not a preset with a model folder
  if (resolved.at("fit.condition") != "masks") {
    return absl::InvalidArgumentError(absl::StrCat("setting fit.condition: ", std::string(preset),
                                                   " knows masks alone; give masks"));
  }
  if (resolved.at("align.tune") != "control") {
    return absl::InvalidArgumentError(
        absl::StrCat("setting align.tune: ", std::string(preset),
                     " has no style head between latent and image; give control"));
  }
  int64_t side = 0;
  if (absl::SimpleAtoi(size->second, &side) && side % 16 == 0) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("setting size: '", size->second, "' is not a multiple of 16"));
}

}  // namespace alignflow
