#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <vector>

#include "common/settings/pair_mix.h"
#include "worker/pairs/pair_detail.h"
#include "worker/pairs/pair_list.h"
#include "worker/pairs/reference_colours.h"
#include "worker/sets/image_set.h"
#include "worker/sets/prepared_set.h"
#include "worker/sets/reference_set.h"
#include "worker/sets/usable_set.h"
#include "worker/stores/model_file.h"
#include "worker/tasks/task_error.h"
#include "worker/tasks/task_kinds.h"
#include "worker/tasks/task_progress.h"
#include "worker/tasks/task_spec.h"
#include "worker/training/epoch_order.h"
#include "worker/transfer/colour_transfer.h"

namespace alignflow {
namespace {

// Share of the band whose amplitudes Fourier domain adaptation takes over; its authors try 0.01,
// 0.05 and 0.09.
constexpr double kBeta = 0.05;
constexpr int64_t kReadTogether = 16;

std::vector<int64_t> ItemsOf(const at::Tensor& items) {
  const int64_t* first = items.const_data_ptr<int64_t>();
  return {first, first + items.numel()};
}

PairDetail::Picture AsPrepared(const ImageSet& source, int64_t item) {
  const at::Tensor items = at::tensor({item}, at::kLong);
  return {.image = source.images[item], .classes = TakeClasses(source, items)[0]};
}

}  // namespace

// Source images recoloured to the references, or as they are: the pairs that models are held
// against.
TaskOutputs RunTransfer(const TaskSpec& spec, TaskContext& context) {
  const at::NoGradGuard no_grad;
  const std::string method = TextSetting(spec, "method");
  const uint64_t seed = IntegerSetting(spec, "seed");
  const auto [first, last] = PairNumbersOf(spec);
  ProgressReporter progress(context, last - first + 1, "images");
  const ImageSet source = LoadPrepared(context, spec, "source");
  CheckUsable(spec, source);
  PairDetail detail(context, spec, source);
  const ImageSet references = LoadLearnedReferences(context, spec, detail.side());
  const at::Tensor styles = ImagesFromBytes(references.images);
  const ReferenceColours colours(references, seed);

  const PairScale scale(spec);
  const PairFrames frames(context, spec, source);
  EpochOrder order(source.size(), seed, RandomUse::kPairMask);
  std::string lines;
  for (int64_t pair = first; pair <= last; ++pair) {
    progress.ThrowIfCancelled();
    if ((pair - first) % kReadTogether == 0) {
      detail.Read(ItemsOf(order.Items(pair - 1, std::min(kReadTogether, last - pair + 1))));
    }
    const auto item = order.Items(pair - 1, 1).item<int64_t>();
    const PairDetail::Picture origin =
        detail.enlarges() ? detail.Of(item) : AsPrepared(source, item);
    nlohmann::json record{
        {"pair", pair},
        {"seed", seed},
        {"preset", TextSetting(spec, "preset")},
        {"method", method},
        {"mask", source.names[item]},
        {"mask_kind", "real"},
        {"synthetic", method == "framing" ? "framed" : NameOf(PairKind::kRecoloured)}};
    at::Tensor image = ImagesFromBytes(origin.image.unsqueeze(0));
    if (method != "framing") {
      const int64_t style = colours.DrawnFor(pair);
      record["reference"] = references.names[style];
      image = method == "fda" ? TransferFourier(image, styles.narrow(0, style, 1), kBeta)
                              : colours.Recoloured(image, style);
    }
    lines += StorePair(context, frames, item,
                       scale.Apply(pair, BytesFromImages(image)[0], origin.classes), source,
                       std::move(record));
    progress.Report(pair - first + 1);
  }
  return {{"pairs", ValueOrThrow(context.Store(lines))}};
}

}  // namespace alignflow
