#include <algorithm>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "absl/strings/str_cat.h"
#include "common/settings/pair_mix.h"
#include "worker/masks/mask_warp.h"
#include "worker/pairs/mask_list.h"
#include "worker/pairs/pair_detail.h"
#include "worker/pairs/pair_frames.h"
#include "worker/pairs/pair_gates.h"
#include "worker/pairs/pair_list.h"
#include "worker/pairs/pair_maker.h"
#include "worker/pairs/reference_colours.h"
#include "worker/sets/image_classes.h"
#include "worker/sets/image_set.h"
#include "worker/sets/prepared_set.h"
#include "worker/sets/reference_set.h"
#include "worker/stores/model_file.h"
#include "worker/tasks/task_error.h"
#include "worker/tasks/task_kinds.h"
#include "worker/tasks/task_progress.h"
#include "worker/tasks/task_spec.h"

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
  PairKind kind = PairKind::kGenerated;
  bool new_mask = false;
  double similarity = 0;  // of a new mask to the item's
  at::Tensor classes;     // uint8 [S,S]
  at::Tensor start;       // float [3,S,S]: the image that is restyled; undefined for other kinds
  std::optional<MaskWarp> warp;  // by which a restyled pair's source image shows a new mask
  at::Tensor image;              // uint8 [3,S,S]
  double scale = 1;              // of a generated pair's mask
  double style = 1;              // share of the references' style
  int64_t reference = 0;         // whose colours a recoloured pair has
  std::optional<GateVerdict> verdict;
  int64_t attempts = 1;

  bool failed() const { return verdict && !verdict->passed; }
};

// What the model and the judge were trained on: the source, unless the masks are another dataset's.
ImageSet TrainedOn(TaskContext& context, const TaskSpec& spec, const ImageSet& source) {
  return spec.inputs.contains("training") ? LoadPrepared(context, spec, "training") : source;
}

// A job's mix, but for stage 1, which knows no references.
PairMix MixOf(const TaskSpec& spec) {
  const PairMix mix = ValueOrThrow(PairMix::Of(spec.settings));
  return spec.inputs.contains("stage1") ? mix : mix.OfStage1();
}

class PairGroup {
 public:
  PairGroup(const TaskSpec& spec, const PairMix& mix, const ImageSet& source, const MaskList* masks,
            const PairScale& scale)
      : source_(source),
        scale_(scale),
        mix_(mix),
        masks_(masks),
        least_style_(RealSetting(spec, "restyle.least_style")),
        seed_(IntegerSetting(spec, "seed")),
        order_(PairItemsOf(spec, source)) {}

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
      const PlannedPair plan = mix_.At(draft.number);
      draft.new_mask = plan.new_mask;
      // Pairs of the group that this shard does not make have no mask here. A real one keeps the
      // batch as large as in the shard that makes them.
      const GeneratedMask* mask = plan.new_mask ? masks_->Find(draft.number) : nullptr;
      if (mask != nullptr) {
        draft.similarity = mask->similarity;
        draft.classes = mask->classes;
      }
      MakeOf(plan.kind, draft);
    }
    return drafts;
  }

  // A recoloured pair would be the same again: a further attempt is what the model makes.
  void BeginAgain(Draft& draft) const {
    ++draft.attempts;
    if (draft.kind == PairKind::kRecoloured) MakeOf(mix_.model_kind(), draft);
  }

 private:
  void MakeOf(PairKind kind, Draft& draft) const {
    draft.kind = kind;
    draft.warp.reset();
    if (kind == PairKind::kGenerated) {
      const PairScale::Scaled scaled = scale_.OfMask(draft.number, draft.classes);
      draft.classes = scaled.classes;
      draft.scale = scaled.scale;
    }
    if (kind != PairKind::kRestyled) return;
    const ImageBatch origin = TakeBatch(source_, at::tensor({draft.item}, at::kLong), at::kCPU);
    if (draft.new_mask) draft.warp.emplace(origin.classes[0], draft.classes);
    draft.start = (draft.warp ? draft.warp->Images(origin.images) : origin.images)[0];
    draft.style = least_style_ +
                  (1 - least_style_) *
                      at::rand({1}, RandomStream(seed_, RandomUse::kPairStyle, draft.number - 1))
                          .item<double>();
  }

  const ImageSet& source_;
  const PairScale& scale_;
  const PairMix& mix_;
  const MaskList* masks_;
  double least_style_;
  uint64_t seed_;
  PairItems order_;
};

// Makes the first attempt's images of a whole group: those of each kind that the model makes
// together.
void MakeImages(const PairMaker& maker, std::vector<Draft>& drafts) {
  for (const PairKind kind : {PairKind::kRestyled, PairKind::kGenerated}) {
    std::vector<Draft*> rows;
    std::vector<at::Tensor> classes, starts;
    std::vector<int64_t> items;
    PairMaker::Request request;
    for (Draft& draft : drafts) {
      if (draft.kind != kind) continue;
      rows.push_back(&draft);
      classes.push_back(draft.classes);
      starts.push_back(draft.start);
      items.push_back(draft.item);
      request.noise.push_back(draft.number - 1);
      request.style.push_back(draft.style);
    }
    if (rows.empty()) continue;
    request.classes = at::stack(classes);
    request.items = at::tensor(items, at::kLong);
    if (kind == PairKind::kRestyled) request.starts = at::stack(starts);
    const at::Tensor images = maker.Images(request);
    for (size_t row = 0; row < rows.size(); ++row) {
      rows[row]->image = images[static_cast<int64_t>(row)];
    }
  }
}

// A draft that is to be recoloured gets its source image in a reference's colours.
void Recolour(const ImageSet& source, const ReferenceColours& colours, Draft& draft) {
  const ImageBatch origin = TakeBatch(source, at::tensor({draft.item}, at::kLong), at::kCPU);
  draft.reference = colours.DrawnFor(draft.number);
  draft.image = BytesFromImages(colours.Recoloured(origin.images, draft.reference))[0];
}

// A further attempt's image, with noise of its own.
void MakeAgain(const PairMaker& maker, Draft& draft) {
  draft.image = maker.Images(
      {.classes = draft.classes.unsqueeze(0),
       .items = at::tensor({draft.item}, at::kLong),
       .starts = draft.start.defined() ? draft.start.unsqueeze(0) : at::Tensor(),
       .noise = {(draft.number - 1) * kAttemptStreams + static_cast<uint64_t>(draft.attempts)},
       .use = RandomUse::kPairAttempt,
       .style = {draft.style}})[0];
}

void Judge(const PairGates& gates, Draft& draft) {
  draft.verdict =
      gates.Judge(draft.image.unsqueeze(0), draft.classes.unsqueeze(0), draft.kind, {draft.item})
          .front();
}

nlohmann::json RecordOf(const TaskSpec& spec, const PairMaker& maker, const ImageSet& source,
                        const std::vector<std::string>& references, const Draft& draft) {
  nlohmann::json record{{"pair", draft.number},
                        {"seed", IntegerSetting(spec, "seed")},
                        {"preset", TextSetting(spec, "preset")},
                        {"mask", source.names[draft.item]},
                        {"mask_kind", draft.new_mask ? "synthetic" : "real"},
                        {"synthetic", NameOf(draft.kind)}};
  if (!source.image_classes.empty() && !source.image_classes[draft.item].empty()) {
    record["class"] = source.image_classes[draft.item];
  }
  if (draft.kind == PairKind::kRecoloured) {
    record["method"] = "reinhard";
    record["reference"] = references[draft.reference];
  } else {
    record.update({{"model", Input(spec, "model")},
                   {"steps", IntegerSetting(spec, "generate.steps")},
                   {"solver", TextSetting(spec, "generate.solver")},
                   {"guidance", RealSetting(spec, "generate.guidance")},
                   {"path", maker.handover() ? "handover" : "aligned"}});
    for (const char* name : {"rtol", "atol"}) {  // of solvers that have tolerances
      const std::string setting = absl::StrCat("generate.", name);
      if (spec.settings.contains(setting)) record[name] = RealSetting(spec, setting);
    }
  }
  if (draft.kind == PairKind::kRestyled) {
    record.update({{"start", draft.new_mask ? "warped source image" : "source image"},
                   {"strength", RealSetting(spec, "restyle.strength")},
                   {"detail", RealSetting(spec, "restyle.detail")}});
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

// The draft's image and classes at the size that pairs are handed out at: what was
// done to the source image is done to its own picture, and what has none is enlarged.
PairDetail::Picture Large(const PairDetail& detail, const ReferenceColours* colours,
                          const Draft& draft) {
  if (!detail.enlarges()) return {draft.image, draft.classes};
  if (draft.kind == PairKind::kGenerated) {
    return {detail.EnlargedImageOf(draft.item, draft.image),
            detail.EnlargedClassesOf(draft.item, draft.classes)};
  }
  const PairDetail::Picture& picture = detail.Of(draft.item);
  at::Tensor image = ImagesFromBytes(picture.image.unsqueeze(0));
  if (draft.kind == PairKind::kRecoloured) {
    return {BytesFromImages(colours->Recoloured(image, draft.reference))[0], picture.classes};
  }
  if (draft.warp) image = draft.warp->Enlarged(detail.side()).Images(image);
  const at::Tensor made = ImagesFromBytes(draft.image.unsqueeze(0));
  return {BytesFromImages(detail.WithChange(draft.item, image, draft.start.unsqueeze(0), made))[0],
          draft.warp ? detail.EnlargedClassesOf(draft.item, draft.classes) : picture.classes};
}

// As the pair is handed out. A generated pair's mask had its scale before the image was made.
PairScale::Scaled Shown(const PairScale& scale, const Draft& draft,
                        const PairDetail::Picture& large) {
  if (draft.kind == PairKind::kGenerated) return {large.image, large.classes, draft.scale};
  return scale.Apply(draft.number, large.image, large.classes);
}

// Of drafts first, ..., first + count - 1, those whose own pictures are shown, or may be.
std::vector<int64_t> ItemsShown(const std::vector<Draft>& drafts, size_t first, size_t count) {
  std::vector<int64_t> items;
  for (size_t i = first; i < std::min(first + count, drafts.size()); ++i) {
    if (drafts[i].kind != PairKind::kGenerated) items.push_back(drafts[i].item);
  }
  return items;
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
  const PairMix mix = MixOf(spec);
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
    const bool has_references = spec.inputs.contains("references");
    gates =
        std::make_unique<PairGates>(context, spec, TrainedOn(context, spec, source),
                                    has_references ? LoadReferences(context, spec) : ImageSet());
    attempts = IntegerSetting(spec, "gates.attempts");
  }

  PairDetail detail(context, spec, source);
  std::vector<std::string> references;
  // A picture is brought to a reference's moments at its own size: small ones have less contrast.
  std::optional<ReferenceColours> colours, large_colours;
  if (mix.Makes(PairKind::kRecoloured)) {
    references = NamesOfLearnedReferences(context, spec);
    colours.emplace(ReferenceColours::Of(context, spec, ImageSize(spec)));
    if (detail.enlarges()) {
      large_colours.emplace(ReferenceColours::Of(context, spec, detail.side()));
    }
  }

  const PairScale scale(spec);
  const PairFrames frames(context, spec, source);
  PairGroup group(spec, mix, source, masks ? &*masks : nullptr, scale);
  std::string lines;
  for (int64_t begin = (first - 1) / kGroup * kGroup; begin < last; begin += kGroup) {
    std::vector<Draft> drafts = group.Begin(begin);
    MakeImages(maker, drafts);
    std::erase_if(drafts,
                  [&](const Draft& draft) { return draft.number < first || draft.number > last; });
    for (size_t i = 0; i < drafts.size(); ++i) {
      Draft& draft = drafts[i];
      if (i % detail.together() == 0) detail.Read(ItemsShown(drafts, i, detail.together()));
      if (draft.kind == PairKind::kRecoloured) Recolour(source, *colours, draft);
      if (gates) Judge(*gates, draft);
      while (draft.failed() && draft.attempts < attempts) {
        group.BeginAgain(draft);
        MakeAgain(maker, draft);
        Judge(*gates, draft);
      }
      nlohmann::json record = RecordOf(spec, maker, source, references, draft);
      if (draft.failed()) {
        lines += LeftOutLine(draft, std::move(record));
        continue;
      }
      if (detail.enlarges() && draft.kind != PairKind::kRecoloured) {
        record["made_at"] = ImageSize(spec);
      }
      const PairDetail::Picture large =
          Large(detail, large_colours ? &*large_colours : nullptr, draft);
      lines += StorePair(context, frames, draft.item, Shown(scale, draft, large), source,
                         std::move(record));
    }
    progress.Report(std::min(begin + kGroup, last) - first + 1);
  }
  return {{"pairs", ValueOrThrow(context.Store(lines))}};
}

}  // namespace alignflow
