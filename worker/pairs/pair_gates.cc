#include "worker/pairs/pair_gates.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_format.h"
#include "common/data/groups.h"
#include "worker/gates/mask_agreement.h"
#include "worker/gates/memorization.h"
#include "worker/sets/source_statistics.h"
#include "worker/sets/volume_row.h"
#include "worker/stores/model_file.h"
#include "worker/stores/segmenter_file.h"
#include "worker/tasks/task_error.h"
#include "worker/tasks/task_spec.h"

namespace alignflow {
struct PairGates::State {
  double least_agreement;
  double least_distance;
  int64_t classes;
  at::Device device;
  std::vector<std::shared_ptr<Segmenter>> judges;  // by fold
  std::vector<int> folds;  // of the task's items; empty: no judge has seen any of them
  std::optional<MemorizationIndex> index;  // unless least_distance is 0
  // Of volumes: in slices through the middle, which references without masks have as well.
  std::optional<MemorizationIndex> middle;
  std::vector<std::vector<std::string>> names;  // of the indices' sets

  void CheckMemorization(const at::Tensor& image, const at::Tensor& classes, PairKind kind,
                         GateVerdict& verdict) const;
};

namespace {

constexpr int64_t kMostInMiddle = 1000;  // volumes that tell how near they come to each other

void ThrowIfCancelled(const TaskContext& context) {
  if (context.Cancelled()) throw TaskError(absl::CancelledError("the task was cancelled"));
}

// What is looked for in a set: an image, or a volume's slices as those of the set were taken, and
// those of the volume mirrored left to right, which pictures' descriptors do for themselves.
at::Tensor Queries(const at::Tensor& image, const at::Tensor& classes) {
  if (image.dim() != 5) return image;
  const at::Tensor mirrored = classes.defined() ? classes.flip(-1) : classes;
  return at::cat({PicturesOf(image, classes).images, PicturesOf(image.flip(-1), mirrored).images});
}

NearestImage NearestOf(const std::vector<NearestImage>& found) {
  return *std::ranges::min_element(found, {}, &NearestImage::ratio);
}

}  // namespace

// The nearest image of all sets, but a near copy of a reference before anything of the source: it
// is what must not be.
void PairGates::State::CheckMemorization(const at::Tensor& image, const at::Tensor& classes,
                                         PairKind kind, GateVerdict& verdict) const {
  static constexpr const char* kSets[] = {"source", "references"};
  for (size_t set = 0; set < names.size(); ++set) {
    const bool in_middle = set > 0 && middle;
    const NearestImage nearest =
        NearestOf((in_middle ? *middle : *index)
                      .Nearest(Queries(image, in_middle ? at::Tensor() : classes),
                               static_cast<int64_t>(set)));
    const bool near = nearest.ratio < least_distance;
    if (set > 0 && !near && nearest.ratio >= verdict.memorization) continue;
    verdict.memorization = nearest.ratio;
    verdict.nearest = names[set][nearest.item];
    verdict.nearest_in = kSets[set];
    verdict.near_copy = near;
  }
  const bool declared = kind != PairKind::kGenerated && verdict.nearest_in == kSets[0];
  if (!verdict.near_copy || declared) return;
  verdict.passed = false;
  verdict.reason = absl::StrFormat("near copy of %s %s (%.2f)",
                                   verdict.nearest_in == kSets[0] ? "the source's" : "reference",
                                   verdict.nearest, verdict.memorization);
}

PairGates::PairGates(TaskContext& context, const TaskSpec& spec, const ImageSet& source,
                     const ImageSet& references)
    : state_(std::make_unique<State>(
          State{.least_agreement = RealSetting(spec, "gates.mask_agreement"),
                .least_distance = RealSetting(spec, "gates.memorization"),
                .classes = source.labels.classes(),
                .device = DeviceOf(context),
                .judges = {},
                .folds = {},
                .index = std::nullopt,
                .middle = std::nullopt,
                .names = {}})) {
  for (const auto& [role, digest] : spec.inputs) {
    // "judge": of tasks that were made when there was one for all of the source.
    if (role != "judge" && !role.starts_with("judge/")) continue;
    state_->judges.push_back(LoadSegmenter(context, digest, "the judge",
                                           TextSetting(spec, "judge.segmenter"), source.labels,
                                           source.images.size(2), source.images.dim() - 2)
                                 .model);
  }
  if (state_->judges.empty()) throw TaskError(absl::InvalidArgumentError("no input judge/000000"));
  if (!spec.inputs.contains("training")) {
    state_->folds = FoldsOf(source.groups, static_cast<int>(std::ssize(state_->judges)));
  }
  if (state_->least_distance == 0) return;
  // Whatever features stage 2 learns by, memorization is measured by the filter bank's, so that its
  // threshold means the same everywhere.
  SourceStatistics statistics = LoadStatistics(context, spec);
  if (statistics.descriptors.pictures.size(0) != source.size()) {
    throw TaskError(absl::InvalidArgumentError(
        "the statistics are not the source's: they are of another number of images"));
  }
  state_->index.emplace(statistics.filter_bank, state_->device, std::move(statistics.descriptors),
                        statistics.units);
  state_->names.push_back(source.names);
  if (references.images.defined() && references.size() > 0) {
    if (source.volumes.defined()) {
      ImageSet unmasked = Thinned(source, kMostInMiddle);
      unmasked.classes = at::Tensor();
      SourceStatistics own =
          DescribeSource(unmasked, state_->device, [&](int64_t) { ThrowIfCancelled(context); });
      state_->middle.emplace(own.filter_bank, state_->device, std::move(own.descriptors),
                             own.units);
    }
    (state_->middle ? *state_->middle : *state_->index)
        .Add(PicturesOf(references.images, {}).images);
    state_->names.push_back(references.names);
  }
}

PairGates::~PairGates() = default;

std::vector<GateVerdict> PairGates::Judge(const at::Tensor& images, const at::Tensor& classes,
                                          PairKind kind, const std::vector<int64_t>& items) const {
  std::vector<GateVerdict> verdicts(images.size(0));
  // One by one: the last bits may depend on the batch, and a verdict must not.
  for (int64_t i = 0; i < images.size(0); ++i) {
    GateVerdict& verdict = verdicts[i];
    const at::Tensor image = images.narrow(0, i, 1);
    const at::Tensor asked = classes.narrow(0, i, 1);
    const int judge = items.empty() || state_->folds.empty() ? 0 : state_->folds.at(items.at(i));
    const at::Tensor seen = Segment(*state_->judges[judge], image, state_->device);
    verdict.mask_agreement = MaskAgreement(seen, asked, state_->classes).item<double>();
    verdict.passed = true;
    if (state_->index) state_->CheckMemorization(image, asked, kind, verdict);
    if (verdict.mask_agreement < state_->least_agreement) {
      verdict.passed = false;
      verdict.reason = absl::StrFormat("mask agreement %.2f", verdict.mask_agreement);
    }
  }
  return verdicts;
}

}  // namespace alignflow
