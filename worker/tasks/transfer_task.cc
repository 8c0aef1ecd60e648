#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "common/settings/pair_mix.h"
#include "worker/pairs/pair_detail.h"
#include "worker/pairs/pair_list.h"
#include "worker/pairs/reference_colours.h"
#include "worker/sets/image_classes.h"
#include "worker/sets/image_set.h"
#include "worker/sets/prepared_set.h"
#include "worker/sets/reference_set.h"
#include "worker/sets/usable_set.h"
#include "worker/stores/model_file.h"
#include "worker/tasks/task_error.h"
#include "worker/tasks/task_kinds.h"
#include "worker/tasks/task_progress.h"
#include "worker/tasks/task_spec.h"
#include "worker/transfer/colour_transfer.h"

namespace alignflow {
namespace {

// Share of the band whose amplitudes Fourier domain adaptation takes over; its authors try 0.01,
// 0.05 and 0.09.
constexpr double kBeta = 0.05;

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
  const std::vector<std::string> references = NamesOfLearnedReferences(context, spec);
  const auto drawn_for = [&](int64_t pair) {
    return ReferenceDrawnFor(pair, std::ssize(references), seed);
  };
  std::optional<ReferenceColours> colours;
  if (method == "reinhard") colours.emplace(ReferenceColours::Of(context, spec, detail.side()));
  std::map<int64_t, at::Tensor> styles;  // the images of fda's references
  if (method == "fda") {
    for (int64_t pair = first; pair <= last; ++pair) styles.try_emplace(drawn_for(pair));
    ReadLearnedReferences(context, spec, detail.side(), [&](const DecodedItems& decoded) {
      for (auto& [reference, image] : styles) {
        const int64_t row = reference - decoded.first;
        if (row < 0 || row >= decoded.images.size(0)) continue;
        image = decoded.images.narrow(0, row, 1).clone();
      }
    });
  }

  const PairScale scale(spec);
  const PairFrames frames(context, spec, source);
  PairItems order = PairItemsOf(spec, source);
  std::string lines;
  for (int64_t pair = first; pair <= last; ++pair) {
    progress.ThrowIfCancelled();
    if ((pair - first) % detail.together() == 0) {
      detail.Read(ItemsOf(order.Items(pair - 1, std::min(detail.together(), last - pair + 1))));
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
      const int64_t style = drawn_for(pair);
      record["reference"] = references[style];
      image = method == "fda" ? TransferFourier(image, ImagesFromBytes(styles.at(style)), kBeta)
                              : colours->Recoloured(image, style);
    }
    lines += StorePair(context, frames, item,
                       scale.Apply(pair, BytesFromImages(image)[0], origin.classes), source,
                       std::move(record));
    progress.Report(pair - first + 1);
  }
  return {{"pairs", ValueOrThrow(context.Store(lines))}};
}

}  // namespace alignflow
