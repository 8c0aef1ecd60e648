#include <algorithm>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/settings/imported_presets.h"
#include "common/settings/settings.h"

namespace alignflow {
namespace {

using PresetList = std::vector<std::pair<std::string, SettingMap>>;

// A preset's values. The small presets' were chosen by measurement on two CPU cores;
// docs/benchmarks.md tells how.
const PresetList& Presets() {
  // What every preset starts from.
  static const SettingMap shared{
      {"method", "alignflow"},
      {"seed", "0"},
      {"framing", "references"},
      {"framing.least_scale", "1"},
      {"pairs.size", "0"},
      {"align.weight", "1"},
      {"align.start_index", "18"},
      {"align.rollout", "pool"},
      {"align.references", "0"},
      {"align.reward", "mmd"},
      {"align.left_out", "0.2"},
      {"align.check_interval", "25"},
      {"align.patience", "4"},
      {"align.diversity_floor", "0.5"},
      {"align.pool", "256"},
      {"masks.kind", "real"},
      {"masks.candidates", "4"},
      {"generate.solver", "euler"},
      {"generate.rtol", "0.001"},
      {"generate.atol", "0.001"},
      {"fit.coupling", "independent"},
      {"fit.condition", "masks"},
      {"pairs.classes", ""},
      {"gates.enabled", "on"},
      {"gates.mask_agreement", "0.4"},
      {"gates.memorization", "0.5"},
      {"gates.attempts", "3"},
      {"gates.diversity", "0.6"},
      {"judge.folds", "2"},
      {"evaluate.segmenter", "unet"},
      {"evaluate.pictures", "both"},
      {"evaluate.size", "0"},
      {"evaluate.seeds", "3"},
      {"evaluate.batch", "16"},
      {"evaluate.augment", "ordinary"},
      {"evaluate.synthetic_share", "0.5"},
      {"figures.samples", "128"},
  };
  // `values` and, where they say nothing, the shared ones.
  const auto preset = [&](SettingMap values) {
    values.insert(shared.begin(), shared.end());
    return values;
  };
  static const SettingMap unet_64 = preset({
      {"pairs.size", "256"},
      {"fit.iterations", "900"},
      {"fit.batch", "16"},
      {"fit.learning_rate", "0.002"},
      {"fit.ema", "0.995"},
      {"fit.mask_dropout", "0.1"},
      {"align.iterations", "300"},
      {"align.batch", "32"},
      {"align.learning_rate", "0.0005"},
      {"align.tune", "style"},
      {"align.features", "filter_bank"},
      {"masks.iterations", "900"},
      {"masks.batch", "16"},
      {"masks.learning_rate", "0.002"},
      {"masks.start", "warp"},
      {"generate.mix", "restyled:0.5,recoloured:0.5"},
      {"restyle.strength", "0.3"},
      {"restyle.detail", "1"},
      {"restyle.least_style", "0"},
      {"generate.path", "handover"},
      {"generate.steps", "20"},
      {"generate.guidance", "1"},
      {"judge.segmenter", "unet"},
      {"judge.iterations", "900"},
      {"evaluate.iterations", "600"},
      {"evaluate.learning_rate", "0.002"},
  });
  // Four times the pixels, so half the images in a step.
  static const SettingMap unet_128 = [] {
    SettingMap values = unet_64;
    values["fit.batch"] = "8";
    values["judge.segmenter"] = "unet-lite0";
    values["evaluate.segmenter"] = "unet-lite0";
    values["evaluate.learning_rate"] = "0.001";
    return values;
  }();
  // The paper's own model and values.
  static const SettingMap sd35_medium = preset({
      {"weights", "stable-diffusion-3.5-medium"},
      {"prompt", "An image from a medical examination"},
      {"size", "512"},
      {"fit.iterations", "4000"},
      {"fit.batch", "4"},
      {"fit.accumulate", "1"},
      {"fit.learning_rate", "0.00001"},
      {"fit.ema", "0"},
      {"fit.mask_dropout", "0"},
      {"align.iterations", "500"},
      {"align.batch", "4"},
      {"align.learning_rate", "0.00001"},
      {"align.tune", "control"},
      {"align.features", "dinov3"},
      {"masks.iterations", "2000"},
      {"masks.batch", "4"},
      {"masks.learning_rate", "0.00001"},
      {"masks.adapter_rank", "0"},
      {"masks.start", "noise"},
      {"generate.mix", "generated:1"},
      {"restyle.strength", "0.3"},
      {"restyle.detail", "0"},
      {"restyle.least_style", "1"},
      {"generate.path", "aligned"},
      {"generate.steps", "28"},
      {"generate.guidance", "7"},
      {"judge.segmenter", "unet"},
      {"judge.iterations", "4000"},
      {"evaluate.iterations", "4000"},
      {"evaluate.learning_rate", "0.001"},
  });
  // Volumes: as pictures, with the batches that their cost leaves. What works on pictures alone is
  // off (settings.cc says so to those who ask for it).
  static const SettingMap unet3d_32 = [] {
    SettingMap values = unet_64;
    values.insert_or_assign("framing", "none");
    values.insert_or_assign("pairs.size", "128");
    values.insert_or_assign("masks.start", "noise");
    values.insert_or_assign("fit.batch", "4");
    values.insert_or_assign("align.batch", "16");
    values.insert_or_assign("align.pool", "128");
    values.insert_or_assign("judge.iterations", "300");
    values.insert_or_assign("evaluate.iterations", "300");
    values.insert_or_assign("evaluate.batch", "4");
    return values;
  }();
  // Eight times the voxels in as many places, of eight times the channels.
  static const SettingMap unet3d_64 = [] {
    SettingMap values = unet3d_32;
    values.insert_or_assign("fit.batch", "2");
    values.insert_or_assign("align.batch", "8");
    values.insert_or_assign("align.pool", "32");  // 100 MB
    values.insert_or_assign("evaluate.batch", "2");
    return values;
  }();
  static const SettingMap unet3d_96 = [] {
    SettingMap values = unet3d_64;
    values.insert_or_assign("fit.batch", "1");
    values.insert_or_assign("align.batch", "4");
    values.insert_or_assign("align.pool", "16");  // 170 MB
    return values;
  }();
  static const auto* const presets = new PresetList{
      {"unet-64", unet_64},     {"unet-128", unet_128},   {"unet3d-32", unet3d_32},
      {"unet3d-64", unet3d_64}, {"unet3d-96", unet3d_96}, {"sd3.5-medium", sd35_medium}};
  return *presets;
}

// Those of imported models: stage 1 alone, on whole images, as they were trained.
const PresetList& ImportedPresets() {
  static const auto imported = [](std::string_view like, const char* size) {
    SettingMap values = PresetDefaults(like).value();
    for (const auto& [name, value] : SettingMap{{"size", size},
                                                {"method", "controlnet-fm"},
                                                {"framing", "none"},
                                                {"pairs.size", "0"},
                                                {"align.tune", "control"},
                                                {"masks.start", "noise"},
                                                {"generate.mix", "generated:1"},
                                                {"generate.path", "aligned"},
                                                {"restyle.detail", "0"},
                                                {"restyle.least_style", "1"}}) {
      values.insert_or_assign(name, value);
    }
    return values;
  };
  static const auto* const presets = new PresetList{{"motfm", imported("unet-128", "256")},
                                                    {"motfm-3d", imported("unet3d-32", "64")}};
  return *presets;
}

// Of the presets without a setting `size`.
constexpr std::pair<std::string_view, int> kFixedSizes[] = {
    {"unet-64", 64}, {"unet-128", 128}, {"unet3d-32", 32}, {"unet3d-64", 64}, {"unet3d-96", 96}};

}  // namespace

const std::vector<std::string>& PresetNames() {
  static const auto* const names = [] {
    auto* list = new std::vector<std::string>;
    for (const auto& [name, values] : Presets()) list->push_back(name);
    return list;
  }();
  return *names;
}

int64_t ImageSide(std::string_view preset, const SettingMap& settings) {
  for (const auto& [name, fixed] : kFixedSizes) {
    if (name == preset) return fixed;
  }
  const auto size = settings.find("size");
  int64_t side = 0;
  if (size == settings.end() || !absl::SimpleAtoi(size->second, &side)) return 0;
  return side;
}

const std::vector<std::string>& ImportedPresetNames() {
  static const auto* const names = new std::vector<std::string>{"motfm", "motfm-3d"};
  return *names;
}

bool IsImportedPreset(std::string_view preset) {
  return std::ranges::find(ImportedPresetNames(), preset) != ImportedPresetNames().end();
}

absl::StatusOr<SettingMap> PresetDefaults(std::string_view preset) {
  for (const auto& [name, values] : IsImportedPreset(preset) ? ImportedPresets() : Presets()) {
    if (name == preset) return values;
  }
  return absl::InvalidArgumentError(absl::StrCat("there is no preset '", std::string(preset),
                                                 "'; the nearest is ",
                                                 Nearest(preset, PresetNames())));
}

absl::StatusOr<int> ImageSizeOf(std::string_view preset, const SettingMap& resolved) {
  for (const auto& [name, size] : kFixedSizes) {
    if (name == preset) return size;
  }
  const auto setting = resolved.find("size");
  int size = 0;
  if (setting != resolved.end() && absl::SimpleAtoi(setting->second, &size)) return size;
  return absl::InvalidArgumentError(
      absl::StrCat("the preset '", std::string(preset), "' has no size"));
}

const std::vector<std::pair<std::string, int>>& PresetSizes(int dims) {
  const auto list = [](int of) {
    auto* sizes = new std::vector<std::pair<std::string, int>>;
    for (const auto& [name, values] : Presets()) {
      const absl::StatusOr<int> size = ImageSizeOf(name, values);
      if (size.ok() && DimsOfPreset(name) == of) sizes->emplace_back(name, *size);
    }
    return sizes;
  };
  static const auto* const pictures = list(2);
  static const auto* const volumes = list(3);
  return dims == 3 ? *volumes : *pictures;
}

int DimsOfPreset(std::string_view preset) {
  return preset.starts_with("unet3d-") || preset == "motfm-3d" ? 3 : 2;
}

}  // namespace alignflow
