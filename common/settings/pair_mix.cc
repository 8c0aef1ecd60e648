#include "common/settings/pair_mix.h"

#include <cmath>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/settings/canonical_text.h"

namespace alignflow {
namespace {

// How many of the first `count` things are of a kind that has `share` of them. The last bits of a
// product of decimal numbers must not cost one.
int64_t Spread(int64_t count, double share) {
  return static_cast<int64_t>(std::floor(static_cast<double>(count) * share + 1e-9));
}

// Whether thing `index`, from 0, is of that kind.
bool IsOne(int64_t index, double share) { return Spread(index + 1, share) > Spread(index, share); }

}  // namespace

const std::vector<std::string_view>& PairKindNames() {
  static const auto* const names =
      new std::vector<std::string_view>{"generated", "restyled", "recoloured"};
  return *names;
}

std::string_view NameOf(PairKind kind) { return PairKindNames()[static_cast<size_t>(kind)]; }

bool TransfersImages(std::string_view method) {
  return method == "reinhard" || method == "fda" || method == "framing";
}

absl::StatusOr<PairMix> PairMix::Of(const SettingMap& settings) {
  const auto value = [&](const char* name, const char* otherwise) {
    const auto setting = settings.find(name);
    return setting == settings.end() ? std::string(otherwise) : setting->second;
  };
  PairMix mix;
  const std::string method = value("method", "alignflow");
  if (TransfersImages(method)) {
    mix.shares_[static_cast<size_t>(PairKind::kRecoloured)] = 1;
    return mix;
  }
  const absl::StatusOr<Shares> shares = ParseShares(value("generate.mix", ""), PairKindNames());
  if (!shares.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("setting generate.mix: ", shares.status().message()));
  }
  for (const auto& [name, share] : *shares) {
    for (size_t kind = 0; kind < kPairKinds; ++kind) {
      if (PairKindNames()[kind] == name) mix.shares_[kind] = share;
    }
  }
  const std::string masks = value("masks.kind", "real");
  mix.new_masks_ = masks != "real";
  mix.real_masks_ = masks != "synthetic";
  if (value("masks.start", "noise") == "warp") mix.of_new_masks_ = PairKind::kRestyled;
  return method == "controlnet-fm" ? mix.OfStage1() : mix;
}

PairMix PairMix::OfStage1() const {
  PairMix mix = *this;
  mix.recolours_ = false;
  return mix;
}

PairKind PairMix::model_kind() const {
  const bool generates = Share(PairKind::kGenerated) > 0 && Share(PairKind::kRestyled) == 0;
  return generates ? PairKind::kGenerated : PairKind::kRestyled;
}

PlannedPair PairMix::At(int64_t number) const {
  const bool both = new_masks_ && real_masks_;
  if (new_masks_ && (!both || number % 2 == 0)) return {of_new_masks_, true};
  const int64_t index = both ? (number - 1) / 2 : number - 1;
  const double recoloured = Share(PairKind::kRecoloured);
  if (IsOne(index, recoloured)) {
    return {recolours_ ? PairKind::kRecoloured : model_kind(), false};
  }
  const int64_t among_others = index - Spread(index, recoloured);
  const double generated =
      Share(PairKind::kGenerated) / (Share(PairKind::kGenerated) + Share(PairKind::kRestyled));
  return {IsOne(among_others, generated) ? PairKind::kGenerated : PairKind::kRestyled, false};
}

bool PairMix::Makes(PairKind kind) const {
  if (new_masks_ && kind == of_new_masks_) return true;
  if (!real_masks_) return false;
  if (kind == PairKind::kRecoloured) return recolours_ && Share(kind) > 0;
  const bool in_place = !recolours_ && Share(PairKind::kRecoloured) > 0 && kind == model_kind();
  return Share(kind) > 0 || in_place;
}

PairMix::Counts PairMix::CountsOf(int64_t pairs) const {
  Counts counts;
  for (int64_t number = 1; number <= pairs; ++number) {
    const PlannedPair pair = At(number);
    ++(pair.new_mask ? counts.new_masks : counts.real_masks)[static_cast<size_t>(pair.kind)];
  }
  return counts;
}

std::string PairMix::OfModelText() const {
  Shares shares;
  // Which pairs are of which of two kinds depends on the third's share, too.
  const bool two = Share(PairKind::kGenerated) > 0 && Share(PairKind::kRestyled) > 0;
  if (!two) return absl::StrCat(std::string(NameOf(model_kind())), ":1");
  for (size_t kind = 0; kind < kPairKinds; ++kind) {
    if (shares_[kind] > 0) shares.emplace_back(PairKindNames()[kind], shares_[kind]);
  }
  return SharesText(shares);
}

}  // namespace alignflow
