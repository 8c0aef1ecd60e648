#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "absl/strings/str_cat.h"
#include "worker/pairs/mask_list.h"
#include "worker/pairs/pair_frames.h"
#include "worker/pairs/pair_gates.h"
#include "worker/pairs/pair_list.h"
#include "worker/pairs/pair_maker.h"
#include "worker/sets/image_set.h"
#include "worker/sets/prepared_set.h"
#include "worker/sets/reference_set.h"
#include "worker/stores/model_file.h"
#include "worker/tasks/task_error.h"
#include "worker/tasks/task_kinds.h"
#include "worker/tasks/task_progress.h"
#include "worker/tasks/task_spec.h"
#include "worker/training/epoch_order.h"
#include "worker/transfer/colour_transfer.h"

namespace alignflow {
namespace {

// Pairs are always computed in the groups 1..16, 17..32, ..., whichever of them a shard asks for:
// the last bits of a convolution may depend on the batch, and a pair's bytes must not depend on the
// shard.
constexpr int64_t kGroup = 16;
// Random streams that belong to one pair's further attempts.
constexpr uint64_t kAttemptStreams = 64;

// A pair in the making.
struct Draft {
  int64_t number = 0;  // from 1
  int64_t item = 0;    // of the source: whose mask it is, or is made after
  bool new_mask = false;
  bool recoloured = false;  // the item's own image, not a generated one
  double similarity = 0;    // of a new mask to the item's
  at::Tensor classes;       // uint8 [S,S]
  at::Tensor image;         // uint8 [3,S,S]
  double style = 1;         // share of the references' style
  std::optional<GateVerdict> verdict;
  int64_t attempts = 1;

  bool failed() const { return verdict && !verdict->passed; }
};

// Of the pairs with a source image, those that are recoloured: none from stage 1, and none where
// pairs are made from noise.
double RecolouredShare(const TaskSpec& spec) {
  const bool restyles =
      spec.inputs.contains("stage1") && RealSetting(spec, "generate.strength") < 1;
  return restyles ? RealSetting(spec, "generate.recoloured") : 0;
}

class PairGroup {
 public:
  PairGroup(const TaskSpec& spec, const ImageSet& source, const MaskList* masks)
      : source_(source),
        masks_(masks),
        half_(TextSetting(spec, "masks.kind") == "both"),
        least_style_(RealSetting(spec, "generate.least_style")),
        recoloured_(RecolouredShare(spec)),
        seed_(IntegerSetting(spec, "seed")),
        order_(source.size(), seed_, RandomUse::kPairMask) {}

  // The drafts of pairs first + 1, ..., first + kGroup.
  std::vector<Draft> Begin(int64_t first) {
    const at::Tensor items = order_.Items(first, kGroup);
    const at::Tensor real = TakeClasses(source_, items);
    std::vector<Draft> drafts(kGroup);
    for (int64_t row = 0; row < kGroup; ++row) {
      Draft& draft = drafts[row];
      draft.number = first + row + 1;
      draft.item = items[row].item<int64_t>();
      draft.classes = real[row];
      draft.style = least_style_ +
                    (1 - least_style_) *
                        at::rand({1}, RandomStream(seed_, RandomUse::kPairStyle, draft.number - 1))
                            .item<double>();
      draft.new_mask = masks_ != nullptr && (!half_ || draft.number % 2 == 0);
      if (!draft.new_mask) {
        // Evenly among the pairs that have a source image.
        const auto index = static_cast<double>(half_ ? (draft.number - 1) / 2 : draft.number - 1);
        draft.recoloured = std::floor((index + 1) * recoloured_) > std::floor(index * recoloured_);
        continue;
      }
      // Pairs of the group that this shard does not make have no mask here. A real one keeps the
      // batch as large as in the shard that makes them.
      const GeneratedMask* mask = masks_->Find(draft.number);
      if (mask == nullptr) continue;
      draft.similarity = mask->similarity;
      draft.classes = mask->classes;
    }
    return drafts;
  }

 private:
  const ImageSet& source_;
  const MaskList* masks_;
  bool half_;
  double least_style_;
  double recoloured_;
  uint64_t seed_;
  EpochOrder order_;
};

// Makes the first attempt's images of a whole group: rows that start from a source image, then
// those that start from noise.
void MakeImages(const PairMaker& maker, std::vector<Draft>& drafts) {
  for (const bool new_mask : {false, true}) {
    std::vector<Draft*> rows;
    std::vector<int64_t> items;
    std::vector<at::Tensor> classes;
    PairMaker::Request request{.items = {}, .classes = {}, .from_noise = new_mask, .noise = {}};
    for (Draft& draft : drafts) {
      if (draft.new_mask != new_mask || draft.recoloured) continue;
      rows.push_back(&draft);
      items.push_back(draft.item);
      classes.push_back(draft.classes);
      request.noise.push_back(draft.number - 1);
      request.style.push_back(draft.style);
    }
    if (rows.empty()) continue;
    request.items = at::tensor(items, at::kLong);
    request.classes = at::stack(classes);
    const at::Tensor images = maker.Images(request);
    for (size_t row = 0; row < rows.size(); ++row) {
      rows[row]->image = images[static_cast<int64_t>(row)];
    }
  }
}

// The drafts that are to be recoloured get their source image in the references' colours.
void Recolour(const ImageSet& source, const ColourMoments& references, std::vector<Draft>& drafts) {
  for (Draft& draft : drafts) {
    if (!draft.recoloured) continue;
    const ImageBatch origin = TakeBatch(source, at::tensor({draft.item}, at::kLong), at::kCPU);
    draft.image = BytesFromImages(TransferReinhard(origin.images, references))[0];
  }
}

// A further attempt at one pair, with noise of its own. Recolouring would give the same again.
void MakeAgain(const PairMaker& maker, Draft& draft) {
  ++draft.attempts;
  draft.recoloured = false;
  draft.image = maker.Images({.items = at::tensor({draft.item}, at::kLong),
                              .classes = draft.classes.unsqueeze(0),
                              .from_noise = draft.new_mask,
                              .noise = {(draft.number - 1) * kAttemptStreams + draft.attempts},
                              .use = RandomUse::kPairAttempt,
                              .style = {draft.style}})[0];
}

void Judge(const PairGates& gates, Draft& draft) {
  draft.verdict =
      gates.Judge(draft.image.unsqueeze(0), draft.classes.unsqueeze(0), draft.new_mask).front();
}

nlohmann::json RecordOf(const TaskSpec& spec, const PairMaker& maker, const ImageSet& source,
                        const Draft& draft) {
  nlohmann::json record{{"pair", draft.number},
                        {"seed", IntegerSetting(spec, "seed")},
                        {"preset", TextSetting(spec, "preset")},
                        {"mask", source.names[draft.item]},
                        {"mask_kind", draft.new_mask ? "synthetic" : "real"},
                        {"synthetic", true}};
  if (draft.recoloured) {
    record["method"] = "reinhard";
  } else {
    record.update({{"model", Input(spec, "model")},
                   {"steps", IntegerSetting(spec, "generate.steps")},
                   {"solver", TextSetting(spec, "generate.solver")},
                   {"guidance", RealSetting(spec, "generate.guidance")},
                   {"strength", draft.new_mask ? 1.0 : RealSetting(spec, "generate.strength")},
                   {"detail", draft.new_mask ? 0.0 : RealSetting(spec, "generate.detail")},
                   {"path", maker.handover() ? "handover" : "aligned"}});
    if (maker.shares_style()) record["style"] = draft.style;
  }
  if (draft.new_mask) record["mask_similarity"] = draft.similarity;
  for (const char* name : {"weights", "prompt"}) {  // of pretrained models
    if (spec.settings.contains(name)) record[name] = TextSetting(spec, name);
  }
  if (!draft.verdict) return record;
  record["gates"] = {{"mask_agreement", draft.verdict->mask_agreement},
                     {"memorization", draft.verdict->memorization},
                     {"nearest", draft.verdict->nearest},
                     {"nearest_in", draft.verdict->nearest_in},
                     {"near_copy", draft.verdict->near_copy},
                     {"attempts", draft.attempts},
                     {"passed", draft.verdict->passed}};
  return record;
}

std::string LeftOutLine(const Draft& draft, nlohmann::json record) {
  const nlohmann::json line{
      {"pair", draft.number}, {"left_out", draft.verdict->reason}, {"record", std::move(record)}};
  return line.dump() + "\n";
}

}  // namespace

// Images for the source's masks or for new ones, in shards.
TaskOutputs RunGenerate(const TaskSpec& spec, TaskContext& context) {
  const auto [first, last] = PairNumbersOf(spec);
  ProgressReporter progress(context, last - first + 1, "images");
  const ImageSet source = LoadPrepared(context, spec, "source");
  const PairMaker maker(context, spec, source, [&] { progress.ThrowIfCancelled(); });
  std::optional<MaskList> masks;
  if (TextSetting(spec, "masks.kind") != "real") {
    masks = LoadMasks(context, Input(spec, "masks"), source.labels);
  }
  std::unique_ptr<PairGates> gates;
  int64_t attempts = 1;
  if (TextSetting(spec, "gates.enabled") == "on") {
    const ImageSet references = LoadReferences(context, spec);
    gates = std::make_unique<PairGates>(context, spec, source, references);
    attempts = IntegerSetting(spec, "gates.attempts");
  }

  std::optional<ColourMoments> colours;
  if (RecolouredShare(spec) > 0) {
    colours = MomentsInView(ImagesFromBytes(LoadLearnedReferences(context, spec).images));
  }

  const PairFrames frames(context, spec, source);
  PairGroup group(spec, source, masks ? &*masks : nullptr);
  std::string lines;
  for (int64_t begin = (first - 1) / kGroup * kGroup; begin < last; begin += kGroup) {
    std::vector<Draft> drafts = group.Begin(begin);
    MakeImages(maker, drafts);
    if (colours) Recolour(source, *colours, drafts);
    for (Draft& draft : drafts) {
      if (draft.number < first || draft.number > last) continue;
      if (gates) Judge(*gates, draft);
      while (draft.failed() && draft.attempts < attempts) {
        MakeAgain(maker, draft);
        Judge(*gates, draft);
      }
      nlohmann::json record = RecordOf(spec, maker, source, draft);
      lines += draft.failed() ? LeftOutLine(draft, std::move(record))
                              : StorePair(context, frames, draft.item, draft.image, draft.classes,
                                          source.labels, std::move(record));
    }
    progress.Report(std::min(begin + kGroup, last) - first + 1);
  }
  return {{"pairs", ValueOrThrow(context.Store(lines))}};
}

}  // namespace alignflow
