#include "server/scheduler/kind_settings.h"

#include <algorithm>
#include <set>
#include <string_view>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace alignflow {
namespace {

// What a model is of, and no other pairs can be made with.
constexpr std::string_view kOfModel[] = {"method",     "weights",          "size",
                                         "align.tune", "align.references", "align.start_index"};

bool IsOfModel(std::string_view name) {
  return std::ranges::find(kOfModel, name) != std::end(kOfModel);
}

// The kinds of tasks whose settings a job of this kind takes. What only pictures are cut by is no
// task's: framing.
std::set<std::string_view> KindsOfTasks(JobKind kind) {
  if (kind == JobKind::kFit) return {"fit"};
  return {"generate", "fit-masks", "masks", "judge", "baseline", "evaluate", "figures"};
}

absl::Status CheckOfModel(const SettingMap& model, const SettingMap& given) {
  for (const auto& [name, value] : given) {
    if (!IsOfModel(name)) continue;
    const auto own = model.find(name);
    if (own == model.end() || own->second == value) continue;
    return absl::InvalidArgumentError(absl::StrCat("setting ", name, ": the model was made with ",
                                                   own->second,
                                                   "; leave it out, or make a model with ", value));
  }
  return absl::OkStatus();
}

absl::Status CheckFraming(const ModelOrigin& model, const std::string& framing) {
  if (model.sees_views && framing == "none") {
    return absl::InvalidArgumentError(
        "setting framing: the model sees fields of view, so its pairs are made as such; give "
        "source, or leave it out");
  }
  if (!model.sees_views && framing != "none") {
    return absl::InvalidArgumentError(
        "setting framing: the model sees whole pictures, so there are no frames to put on; give "
        "none, or leave it out");
  }
  if (framing == "references" && !model.aligned) {
    return absl::InvalidArgumentError(
        "setting framing: a model of stage 1 has no references whose frames pairs could get; give "
        "source, or take a model of stage 2");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<SettingMap> SettingsWithModel(const ModelOrigin& model, const SettingMap& given) {
  absl::Status used = CheckUseOfSettings(JobKind::kGenerate, given);
  if (!used.ok()) return used;
  absl::StatusOr<SettingMap> settings = PresetDefaults(model.preset);
  if (!settings.ok()) return settings;
  for (auto& [name, value] : *settings) {
    const auto made = model.settings.find(name);
    // Tasks of stage 2 are told no more of the mix than what their trajectories start from.
    if (made != model.settings.end() && name != "generate.mix") value = made->second;
  }
  (*settings)["method"] = model.aligned ? "alignflow" : "controlnet-fm";
  if (!model.sees_views) {
    (*settings)["framing"] = "none";
  } else if (!model.aligned) {
    (*settings)["framing"] = "source";
  }
  if (!model.aligned) (*settings)["generate.mix"] = "generated:1";
  absl::Status same = CheckOfModel(*settings, given);
  if (!same.ok()) return same;
  for (const auto& [name, value] : given) (*settings)[name] = value;
  // What the preset does not have is refused here.
  settings = ResolveSettings(model.preset, *settings);
  if (!settings.ok()) return settings;
  absl::Status framed = CheckFraming(model, settings->at("framing"));
  if (!framed.ok()) return framed;
  if (!model.aligned && absl::StrContains(settings->at("generate.mix"), "recoloured")) {
    return absl::InvalidArgumentError(
        "setting generate.mix: a model of stage 1 has no references whose colours pairs could "
        "get; give generated and restyled shares alone, or take a model of stage 2");
  }
  return settings;
}

absl::Status CheckUseOfImport(const SettingMap& given) {
  for (const auto& [name, value] : given) {
    if (name == "size" || name == "generate.steps" || name == "generate.solver") continue;
    return absl::InvalidArgumentError(
        absl::StrCat("setting ", name,
                     ": says nothing about a model that is imported; give size, generate.steps and "
                     "generate.solver alone, and others to the job that makes pairs with it"));
  }
  return absl::OkStatus();
}

absl::Status CheckUseOfSettings(JobKind kind, const SettingMap& given) {
  if (kind == JobKind::kAlign) return absl::OkStatus();
  const std::set<std::string_view> kinds = KindsOfTasks(kind);
  for (const auto& [name, value] : given) {
    const auto setting = std::ranges::find(AllSettings(), name, &Setting::name);
    if (setting == AllSettings().end() || name == "framing") continue;
    if (kind == JobKind::kGenerate && IsOfModel(name)) continue;
    const bool used = std::ranges::any_of(setting->kinds,
                                          [&](std::string_view of) { return kinds.contains(of); });
    if (used) continue;
    return absl::InvalidArgumentError(
        kind == JobKind::kFit
            ? absl::StrCat("setting ", name,
                           ": fitting a model does not depend on it; leave it out, or give it to "
                           "the job that makes pairs with the model")
            : absl::StrCat("setting ", name,
                           ": it is of how models are made, and this one is there; leave it out, "
                           "or make a model with it"));
  }
  return absl::OkStatus();
}

}  // namespace alignflow
