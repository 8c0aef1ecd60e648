#include "client/mix_text.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/counted.h"
#include "common/settings/pair_mix.h"

namespace alignflow {
namespace {

std::string KindText(PairKind kind, bool new_mask) {
  if (kind == PairKind::kGenerated) {
    return new_mask ? "images from noise for new masks"
                    : "images from noise for the source's masks";
  }
  if (kind == PairKind::kRestyled) {
    return new_mask ? "source images warped to new masks, in the references' style by the model"
                    : "source images in the references' style by the model";
  }
  return "source images in the references' colours, without a model";
}

// Which settings it is due to.
std::string ReasonText(const v1::AlignSpec& spec, const SettingMap& settings) {
  const SettingMap defaults = PresetDefaults(spec.preset()).value_or(SettingMap());
  const auto by = [&](const std::string& name) {
    const std::string& value = settings.at(name);
    const auto preset = defaults.find(name);
    const bool is_default = preset != defaults.end() && preset->second == value;
    return absl::StrCat(name, " is ", value,
                        is_default ? absl::StrCat(", the default of ", spec.preset()) : "");
  };
  const auto method = settings.find("method");
  std::vector<std::string> reasons;
  const bool aligns = method == settings.end() || method->second == "alignflow";
  if (!aligns) reasons.push_back(by("method"));
  const bool transfers = !aligns && TransfersImages(method->second);
  const auto masks = settings.find("masks.kind");
  const bool real = transfers || masks == settings.end() || masks->second == "real";
  if (!transfers && (real || masks->second == "both")) reasons.push_back(by("generate.mix"));
  if (!real) {
    reasons.push_back(by("masks.kind"));
    if (settings.contains("masks.start")) reasons.push_back(by("masks.start"));
  }
  return absl::StrJoin(reasons, "; ");
}

}  // namespace

std::string MixText(const v1::AlignSpec& spec) {
  if (spec.kind() == v1::JOB_KIND_FIT) return "";
  const SettingMap settings(spec.settings().begin(), spec.settings().end());
  if (const auto method = settings.find("method");
      method != settings.end() && method->second == "framing") {
    return absl::StrCat(Counted(spec.pairs(), "pair"), ": ", spec.pairs(),
                        " framed (source images in the references' frames, else as "
                        "they are); method is framing");
  }
  const absl::StatusOr<PairMix> mix = PairMix::Of(settings);
  if (!mix.ok()) return "";
  const PairMix::Counts counts = mix->CountsOf(spec.pairs());
  std::vector<std::string> parts;
  for (const bool new_masks : {false, true}) {
    for (size_t i = 0; i < kPairKinds; ++i) {
      const int64_t count = (new_masks ? counts.new_masks : counts.real_masks)[i];
      const auto kind = static_cast<PairKind>(i);
      if (count == 0) continue;
      parts.push_back(absl::StrCat(count, " ", std::string(NameOf(kind)), " (",
                                   KindText(kind, new_masks), ")"));
    }
  }
  return absl::StrCat(spec.pairs(),
                      spec.pairs() == 1 ? " pair: " : " pairs: ", absl::StrJoin(parts, ", "), "; ",
                      ReasonText(spec, settings));
}

}  // namespace alignflow
