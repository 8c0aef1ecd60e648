#ifndef ALIGNFLOW_COMMON_SETTINGS_PAIR_MIX_H_
#define ALIGNFLOW_COMMON_SETTINGS_PAIR_MIX_H_

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/settings/settings.h"

// What the pairs of a job are made of: the settings generate.mix, masks.kind and masks.start, read
// the same way by the coordinator, the worker and afctl. Pure and thread-safe.
namespace alignflow {

// What a pair's image is.
enum class PairKind {
  kGenerated,  // made from noise for its mask, as in the paper
  kRestyled,   // the model starts from a source image, partly noised: a copy in another style
  kRecoloured  // a source image in the references' colours, without any model
};
inline constexpr int kPairKinds = 3;

// "generated", "restyled", "recoloured": in generate.mix, in records and in figures.
std::string_view NameOf(PairKind kind);
const std::vector<std::string_view>& PairKindNames();  // in the enum's order

// Whether a method (setting `method`) makes pairs of the source's own images, without a model.
bool TransfersImages(std::string_view method);

// How one pair is made.
struct PlannedPair {
  PairKind kind = PairKind::kGenerated;
  // Its mask is a new one. A restyled pair then starts from the source image warped to that mask.
  bool new_mask = false;
};

class PairMix {
 public:
  // Reads resolved settings. Their method, if it is there, overrules generate.mix: reinhard and fda
  // recolour all pairs, controlnet-fm none; framing's source images as they are count with the
  // recoloured ones. InvalidArgument without a readable generate.mix.
  static absl::StatusOr<PairMix> Of(const SettingMap& settings);

  // As stage 1 alone makes them, which knows no references: what would be recoloured is of
  // model_kind().
  PairMix OfStage1() const;

  // How pair `number`, from 1, is made. Depends on nothing but the mix and the number. The kinds
  // are evenly spread: of the first n pairs with real masks, n times its share, to within 2, are of
  // a kind.
  PlannedPair At(int64_t number) const;

  // Whether a job of any number of pairs may have such pairs.
  bool Makes(PairKind kind) const;
  // How many of the pairs 1, ..., `pairs` are of each kind, those with new masks apart.
  struct Counts {
    std::array<int64_t, kPairKinds> real_masks = {}, new_masks = {};  // by PairKind
  };
  Counts CountsOf(int64_t pairs) const;

  // What the model makes of pairs with real masks: where it may restyle, that. Stage 2 is trained
  // on trajectories of this kind, and a recoloured pair that fails the gates is made again so.
  PairKind model_kind() const;

  // generate.mix of what depends on the kinds that a model makes, and not on recoloured pairs: the
  // images of stage 1.
  std::string OfModelText() const;

 private:
  double Share(PairKind kind) const { return shares_[static_cast<size_t>(kind)]; }

  std::array<double, kPairKinds> shares_ = {};  // of the pairs with real masks
  bool recolours_ = true;
  bool new_masks_ = false, real_masks_ = true;
  PairKind of_new_masks_ = PairKind::kGenerated;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_COMMON_SETTINGS_PAIR_MIX_H_
