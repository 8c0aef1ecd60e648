#include "common/settings/settings.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/settings/canonical_text.h"
#include "common/settings/pair_mix.h"
#include "common/settings/setting_rules.h"

namespace alignflow {
namespace {

std::string RangeText(const Setting& setting) {
  return absl::StrCat(RealText(setting.minimum), " to ", RealText(setting.maximum));
}

// The canonical text of a number; nothing if it is not one of the setting's type.
std::optional<std::string> NumberText(const Setting& setting, const std::string& text,
                                      double& value) {
  if (setting.type == SettingType::kInteger) {
    int64_t integer = 0;
    if (!absl::SimpleAtoi(text, &integer)) return std::nullopt;
    value = static_cast<double>(integer);
    return absl::StrCat(integer);
  }
  if (!absl::SimpleAtod(text, &value) || value != value) return std::nullopt;
  return RealText(value);
}

bool IsFolderName(const std::string& text) {
  return !text.empty() && text.size() <= 128 && text.front() != '.' &&
         std::ranges::all_of(text, [](char c) {
           return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_' ||
                  c == '.';
         });
}

bool IsLine(const std::string& text) {
  return text.size() <= kMaxTextBytes && std::ranges::none_of(text, [](char c) {
           return absl::ascii_iscntrl(static_cast<unsigned char>(c));
         });
}

absl::StatusOr<std::string> CanonicalValue(const Setting& setting, const std::string& text) {
  const std::string what =
      absl::StrCat("setting ", std::string(setting.name), ": '", text, "' is ");
  if (setting.type == SettingType::kFolder) {
    if (IsFolderName(text)) return text;
    return absl::InvalidArgumentError(
        absl::StrCat(what, "not the plain name of a folder; give letters, digits, '-', '_' and '.'",
                     " (not first), without any path"));
  }
  if (setting.type == SettingType::kText) {
    if (IsLine(text)) return text;
    return absl::InvalidArgumentError(
        absl::StrCat(what, "not one line of at most ", kMaxTextBytes, " bytes"));
  }
  if (setting.type == SettingType::kNames) {
    if (!IsLine(text)) {
      return absl::InvalidArgumentError(
          absl::StrCat(what, "not one line of at most ", kMaxTextBytes, " bytes"));
    }
    const absl::StatusOr<std::vector<std::string>> names = ParseNames(text);
    if (names.ok()) return absl::StrJoin(*names, ",");
    return absl::InvalidArgumentError(absl::StrCat("setting ", std::string(setting.name), ": ",
                                                   names.status().message(),
                                                   "; give names between commas"));
  }
  if (setting.type == SettingType::kShares) {
    const absl::StatusOr<Shares> shares = ParseShares(text, setting.choices);
    if (shares.ok()) return SharesText(*shares);
    return absl::InvalidArgumentError(
        absl::StrCat("setting ", std::string(setting.name), ": ", shares.status().message()));
  }
  if (setting.type == SettingType::kChoice) {
    if (std::ranges::find(setting.choices, text) != setting.choices.end()) return text;
    const std::vector<std::string> choices(setting.choices.begin(), setting.choices.end());
    return absl::InvalidArgumentError(
        absl::StrCat(what, "not one of ", absl::StrJoin(choices, ", ")));
  }
  double value = 0;
  const std::optional<std::string> canonical = NumberText(setting, text, value);
  if (!canonical) {
    return absl::InvalidArgumentError(absl::StrCat(
        what, setting.type == SettingType::kInteger ? "not a whole number" : "not a number",
        "; give one from ", RangeText(setting)));
  }
  if (value < setting.minimum || value > setting.maximum) {
    return absl::InvalidArgumentError(
        absl::StrCat(what, "out of range; give ", RangeText(setting)));
  }
  return *canonical;
}

size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0);
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t change = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({change, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row.back();
}

using Names = std::vector<std::string_view>;

Setting Integer(std::string_view name, double minimum, double maximum, Names kinds,
                std::string_view help) {
  return {name, SettingType::kInteger, minimum, maximum, {}, std::move(kinds), help};
}

Setting Real(std::string_view name, double minimum, double maximum, Names kinds,
             std::string_view help) {
  return {name, SettingType::kReal, minimum, maximum, {}, std::move(kinds), help};
}

Setting Choice(std::string_view name, Names choices, Names kinds, std::string_view help) {
  return {name, SettingType::kChoice, 0, 0, std::move(choices), std::move(kinds), help};
}

Setting Mix(std::string_view name, Names parts, Names kinds, std::string_view help) {
  return {name, SettingType::kShares, 0, 0, std::move(parts), std::move(kinds), help};
}

Setting Words(std::string_view name, SettingType type, Names kinds, std::string_view help) {
  return {name, type, 0, 0, {}, std::move(kinds), help};
}

// Settings of earlier versions, and what says the same today.
constexpr std::pair<std::string_view, std::string_view> kOldNames[] = {
    {"generate.strength",
     "restyle.strength (0.1 to 0.95), or generate.mix=generated:1 for images from noise, which "
     "strength 1 meant"},
    {"generate.detail", "restyle.detail"},
    {"generate.least_style", "restyle.least_style"},
    {"generate.recoloured",
     "generate.mix, such as generate.mix=restyled:0.5,recoloured:0.5 where half the pairs are to "
     "be recoloured"},
};

absl::Status NoSuchSetting(const std::string& name) {
  for (const auto& [old, instead] : kOldNames) {
    if (old != name) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("there is no setting '", name, "' any more; write ", std::string(instead)));
  }
  std::vector<std::string> names;
  for (const Setting& known : AllSettings()) names.emplace_back(known.name);
  return absl::InvalidArgumentError(
      absl::StrCat("there is no setting '", name, "'; the nearest is ", Nearest(name, names)));
}

}  // namespace

const std::vector<Setting>& AllSettings() {
  static const auto* const settings = new std::vector<Setting>{
      Choice("method", {"alignflow", "controlnet-fm", "reinhard", "fda", "framing"}, {"transfer"},
             "How pairs are made: alignflow, controlnet-fm (stage 1 alone), colour transfer of the "
             "source images to the references: reinhard, or fda (Fourier domain adaptation), or "
             "framing: the source images as they are, in the references' frames"),
      Integer("seed", 0, 9007199254740991.0,
              {"fit", "rollout", "align", "generate", "transfer", "fit-masks", "masks", "judge",
               "baseline", "evaluate", "figures"},
              "Every random number follows from it: the same seed gives the same pairs"),
      Words("weights", SettingType::kFolder,
            {"fit", "rollout", "align", "generate", "fit-masks", "masks", "figures"},
            "Name of the folder with the pretrained model, inside the worker's --models-dir"),
      Words("prompt", SettingType::kText,
            {"fit", "rollout", "align", "generate", "fit-masks", "masks"},
            "What the images show, as text for the pretrained model"),
      Integer("size", 64, 2048,
              {"fit", "rollout", "align", "generate", "transfer", "fit-masks", "masks", "judge",
               "baseline", "evaluate", "figures"},
              "Side of the images in pixels, a multiple of 16 (paper: 512)"),
      Choice(
          "framing", {"references", "source", "none"}, {"generate", "transfer"},
          "Models see fields of view alone. The frame around a pair's is put on last: one of the "
          "references', the source image's own, or none: models see whole pictures, and pairs "
          "are such"),
      Real("framing.least_scale", 0.2, 1, {"generate", "transfer"},
           "Each pair shows its view from farther away, at a scale drawn between this and 1, with "
           "what comes into sight mirrored: for structures as small as other hospitals' (1: off)"),
      Integer("pairs.size", 0, 2048, {"generate", "transfer", "figures"},
              "Side in pixels (or voxels, 256 at most) of the pairs' longer side, which may be "
              "greater than what the model works at: source images keep their own detail, and what "
              "the model changed in them is enlarged. 0: as the model works"),
      Words("pairs.classes", SettingType::kNames, {"generate", "transfer", "masks"},
            "Classes of images (classes.csv) that pairs are made of, in turn, such as "
            "adenoma,serrated; empty: all images, as often as they are there"),
      Integer("fit.iterations", 1, 1000000, {"fit"}, "Stage-1 training steps (paper: 4000)"),
      Integer("fit.batch", 1, 1024, {"fit"}, "Images in a stage-1 step (paper: 4 per GPU)"),
      Integer("fit.accumulate", 1, 1024, {"fit"},
              "Batches whose mean gradient makes a stage-1 step; takes the memory of one"),
      Real("fit.learning_rate", 1e-8, 1, {"fit"},
           "AdamW's peak rate in stage 1, after warm-up and before cosine decay (paper: 1e-5)"),
      Real("fit.ema", 0, 0.99999, {"fit"},
           "Decay per step of stage 1's running average of the weights; 0: none"),
      Choice("fit.coupling", {"independent", "ot"}, {"fit", "fit-masks"},
             "Which noise of a batch leads to which of its samples: any, or those that together "
             "have the shortest ways (minibatch optimal transport), among samples whose masks show "
             "the same labels"),
      Choice("fit.condition", {"masks", "both"}, {"fit"},
             "What stage 1 learns images by: their masks, or besides them what each image as a "
             "whole shows (classes.csv)"),
      Real("fit.mask_dropout", 0, 0.9, {"fit", "align"},
           "Share of the training samples whose mask, and class, is kept from the model, so that "
           "it learns what generate.guidance holds these against"),
      Integer("align.references", 0, 10000, {"align", "generate", "transfer"},
              "References that are learned from, equally spaced among those given; 0: all (paper: "
              "10, Table 4)"),
      Choice("align.reward", {"mmd", "skl"}, {"align"},
             "Distance of features to the references' that stage 2 lessens: maximum mean "
             "discrepancy (paper), or symmetric Kullback-Leibler divergence of mean features"),
      Choice(
          "align.features", {"filter_bank", "lite0", "dinov3"}, {"align"},
          "Features that stage 2's reward compares images by: fixed filters, EfficientNet-Lite0's "
          "or, where a folder dinov3 is there, DINOv3's (paper)"),
      Integer("align.iterations", 1, 1000000, {"align"}, "Stage-2 training steps (paper: 500)"),
      Integer(
          "align.batch", 2, 1024, {"align"},
          "Generated images in a stage-2 step, whose features are held against the references'"),
      Real("align.learning_rate", 1e-8, 1, {"align"},
           "AdamW's peak rate in stage 2 with align.tune=control (paper: 1e-5)"),
      Real("align.weight", 0, 1000, {"align"},
           "Weight of the alignment loss beside the diffusion loss, with align.tune=control "
           "(paper: 1, Table 6)"),
      Integer("align.start_index", 0, 19, {"rollout", "align", "generate"},
              "First step of 20 from which stage 2 tunes (paper: 18, Table 5)"),
      Choice("align.tune", {"style", "control"}, {"align", "generate"},
             "What stage 2 trains: style, a global change of colours and texture between latent "
             "and image, or control, the control branch (paper)"),
      Choice("align.rollout", {"pool", "fresh"}, {"align"},
             "Rollouts for stage 2: pool makes them once per stage-1 model, fresh in every step"),
      Integer("align.pool", 2, 100000, {"rollout"}, "Rollouts in the pool"),
      Real("align.left_out", 0, 0.5, {"align"},
           "Share of the references that stage 2 does not learn from but watches; the best state "
           "by them is kept. With fewer than 4 references none is left out"),
      Integer("align.check_interval", 1, 100000, {"align"},
              "Stage-2 steps between two looks at diversity and at the left-out references"),
      Integer("align.patience", 1, 100000, {"align"},
              "Looks without improvement after which stage 2 stops"),
      Real("align.diversity_floor", 0, 1, {"align"},
           "Share of stage 1's or the references' diversity, whichever is smaller, below which "
           "stage 2 goes back to its best state; 0: never"),
      Choice("masks.kind", {"real", "synthetic", "both"}, {"generate"},
             "Masks of the pairs: the source's, new ones made from them, or each half the pairs"),
      Choice(
          "masks.start", {"warp", "noise"}, {"generate"},
          "What images of new masks start from: warp, the source image whose mask the new one is "
          "made after, warped to it and restyled, or noise (paper)"),
      Integer("masks.iterations", 1, 1000000, {"fit-masks"}, "Training steps of the mask model"),
      Integer("masks.batch", 1, 1024, {"fit-masks"}, "Masks in a training step"),
      Real("masks.learning_rate", 1e-8, 1, {"fit-masks"}, "AdamW's peak rate for the mask model"),
      Integer("masks.adapter_rank", 0, 256, {"fit-masks"},
              "Rank of the low-rank adapters by which the pretrained model learns masks; 0: the "
              "whole model is fine-tuned (paper)"),
      Integer("masks.candidates", 1, 64, {"masks"},
              "New masks made for each real one, of which the most similar is kept"),
      Choice("generate.path", {"handover", "aligned"}, {"generate"},
             "handover: the stage-1 model leads up to align.start_index and the aligned one takes "
             "the step it was trained for; aligned: the aligned model on every step (paper)"),
      Integer("generate.steps", 1, 1000, {"generate"},
              "Euler steps from noise to image (paper: 28)"),
      Choice(
          "generate.solver", {"euler", "midpoint", "heun", "rk4", "dopri5"}, {"generate"},
          "Solver of the path's equation (paper: euler); dopri5 begins with generate.steps steps "
          "and takes as many as its tolerances ask for"),
      Real("generate.rtol", 1e-6, 1, {"generate"},
           "With dopri5: how far a step may be off, as a share of the values"),
      Real("generate.atol", 1e-6, 1, {"generate"},
           "With dopri5: how far a step may be off besides, in the latent's units (about 1)"),
      Real("generate.guidance", 0, 30, {"generate"},
           "Guidance scale: how far the mask is stressed against none; 1: not at all"),
      Mix("generate.mix", PairKindNames(), {"generate"},
          "What the pairs are, by shares that add up to 1: generated (from noise, as in the "
          "paper; those of the small presets lowered segmentation models' scores where it was "
          "measured, docs/benchmarks.md), "
          "restyled (the model starts from the mask's own source image) and recoloured (that image "
          "in the references' colours, Reinhard's transfer, without a model)"),
      Real("restyle.strength", 0.1, 0.95, {"rollout", "align", "generate"},
           "Of restyled pairs: share of the path that is made anew; the more, the less is kept of "
           "the source image's structure"),
      Real("restyle.detail", 0, 1, {"rollout", "align", "generate"},
           "Of restyled pairs: share of the source image's fine texture, which the model smooths "
           "away, that is given back"),
      Real("restyle.least_style", 0, 1, {"generate"},
           "Of restyled pairs, with align.tune=style: each takes a share of the references' style "
           "drawn between this and 1; below 1 they span the way from the source's look to the "
           "references'"),
      Choice("gates.enabled", {"on", "off"}, {"generate", "figures"},
             "Whether each pair must pass mask agreement and memorization before it is handed out"),
      Real("gates.mask_agreement", 0, 1, {"generate", "figures"},
           "Least Dice between a pair's mask and what a segmenter trained on the source sees"),
      Real("gates.memorization", 0, 1, {"generate", "figures"},
           "Least distance to the nearest real image, over the median distance between nearest "
           "real images; 0: not checked"),
      Integer("gates.attempts", 1, 20, {"generate"},
              "Times that a pair is made, each with another seed, before it is left out"),
      Real("gates.diversity", 0, 1, {"figures"},
           "Least diversity of the pairs for a good verdict, as a share of the source's or the "
           "target's, whichever is smaller"),
      Integer("judge.iterations", 1, 1000000, {"judge"},
              "Training steps of the segmenter that judges mask agreement"),
      Integer(
          "judge.folds", 1, 8, {"judge"},
          "Parts of the source for cross-fitting: as many judges are trained, each on the images "
          "outside of one part, and a pair is judged by the one that has not seen its source "
          "image; 1: one judge, trained on all"),
      Choice("judge.segmenter", {"unet", "unet-lite0"}, {"judge", "generate"},
             "Segmentation model that judges mask agreement; unet-lite0 is a U-Net on "
             "EfficientNet-Lite0 with ImageNet weights"),
      Choice("evaluate.segmenter",
             {"none", "unet", "unet-lite0", "segformer-b0", "segformer-b1", "segformer-b2",
              "segformer-b3", "segformer-b4", "segformer-b5", "dpt"},
             {"baseline", "evaluate"},
             "Segmentation model that is trained without and with the pairs and tested on the "
             "target, if one is given"),
      Choice("evaluate.pictures", {"both", "whole", "view"}, {"figures"},
             "What segmentation models are trained and tested on: whole pictures, every picture "
             "cut to its field of view, or each in turn. With framing=none whole pictures"),
      Integer("evaluate.size", 0, 1024, {"baseline", "evaluate"},
              "Side in pixels at which segmentation models are trained and tested, a multiple of "
              "32; 0: as the model "
              "that makes the pairs works"),
      Integer("evaluate.seeds", 1, 100, {"figures"},
              "Segmentation models trained on each side, with seeds 1, 2, ..."),
      Integer("evaluate.iterations", 1, 1000000, {"baseline", "evaluate"},
              "Training steps of each segmentation model"),
      Integer("evaluate.batch", 2, 1024, {"baseline", "evaluate"}, "Images in such a step"),
      Real("evaluate.learning_rate", 1e-8, 1, {"baseline", "evaluate"},
           "AdamW's peak rate in them"),
      Choice("evaluate.augment", {"none", "ordinary", "scaling"}, {"baseline", "evaluate"},
             "What the training images of both sides are changed by besides flips: ordinary: "
             "brightness, contrast, saturation, channel gains, gamma and crops, as users do; "
             "scaling: besides, half of them seen from farther away, at a scale of 0.35 to 1"),
      Real("evaluate.synthetic_share", 0, 1, {"evaluate"},
           "Share of synthetic pairs in each batch where they take part"),
      Integer("figures.samples", 4, 100000, {"figures"},
              "Most pairs of each stage that the figures are computed from")};
  return *settings;
}

absl::StatusOr<SettingMap> ResolveSettings(std::string_view preset, const SettingMap& given) {
  absl::StatusOr<SettingMap> resolved = PresetDefaults(preset);
  if (!resolved.ok()) return resolved;
  for (const auto& [name, text] : given) {
    const auto& all = AllSettings();
    const auto setting = std::ranges::find(all, name, &Setting::name);
    if (setting == all.end()) return NoSuchSetting(name);
    if (!resolved->contains(name)) {
      return absl::InvalidArgumentError(absl::StrCat("setting ", name, ": the preset ",
                                                     std::string(preset), " does not have it"));
    }
    absl::StatusOr<std::string> value = CanonicalValue(*setting, text);
    if (!value.ok()) return value.status();
    (*resolved)[name] = *std::move(value);
  }
  if (absl::Status status = CheckSettingsTogether(preset, *resolved); !status.ok()) return status;
  // One text for what the model works at.
  const std::string made_at = absl::StrCat(ImageSide(preset, *resolved));
  for (const char* name : {"pairs.size", "evaluate.size"}) {
    if (resolved->at(name) == made_at) (*resolved)[name] = "0";
  }
  return resolved;
}

SettingMap SettingsOfKind(std::string_view kind, std::string_view preset,
                          const SettingMap& resolved) {
  SettingMap part{{"preset", std::string(preset)}};
  for (const Setting& setting : AllSettings()) {
    if (std::ranges::find(setting.kinds, kind) == setting.kinds.end()) continue;
    const auto value = resolved.find(std::string(setting.name));
    if (value != resolved.end()) part.insert(*value);
  }
  // What is as it was before there was such a setting has the same result as then.
  const auto is = [&](const char* name, std::string_view value) {
    const auto found = part.find(name);
    return found != part.end() && found->second == value;
  };
  if (is("fit.coupling", "independent")) part.erase("fit.coupling");
  if (is("judge.folds", "1")) part.erase("judge.folds");
  if (is("fit.condition", "masks")) part.erase("fit.condition");
  if (is("pairs.classes", "")) part.erase("pairs.classes");
  for (const char* name : {"pairs.size", "evaluate.size"}) {
    if (is(name, "0")) part.erase(name);
  }
  if (!is("generate.solver", "dopri5")) {
    part.erase("generate.rtol");
    part.erase("generate.atol");
  }
  if (kind != "rollout" && kind != "align") return part;
  // What their trajectories start from is all that they ask of the mix.
  const absl::StatusOr<bool> restyles = StartsFromSourceImages(resolved);
  if (!restyles.ok()) return part;
  const PairKind start = *restyles ? PairKind::kRestyled : PairKind::kGenerated;
  part["generate.mix"] = SharesText({{std::string(NameOf(start)), 1}});
  if (!*restyles)
    std::erase_if(part, [](const auto& one) { return one.first.starts_with("restyle."); });
  return part;
}

std::string Nearest(std::string_view text, const std::vector<std::string>& candidates) {
  const auto nearest = std::ranges::min_element(
      candidates, {}, [&](const std::string& candidate) { return EditDistance(text, candidate); });
  return nearest == candidates.end() ? "" : *nearest;
}

}  // namespace alignflow
