#include "worker/pairs/pair_frames.h"

#include "worker/framing/frame.h"
#include "worker/pairs/pair_detail.h"
#include "worker/sets/pixels.h"
#include "worker/tasks/task_spec.h"
#include "worker/training/random_stream.h"

namespace alignflow {
namespace {

constexpr double kKeptEnough = 0.9;  // of a mask's structures

}  // namespace

PairFrames::PairFrames(TaskContext& context, const TaskSpec& spec, const ImageSet& source)
    : framing_(TextSetting(spec, "framing")),
      seed_(IntegerSetting(spec, "seed")),
      size_(static_cast<int>(PairSide(spec))),
      source_(source) {
  if (framing_ == "references") references_ = LoadReferenceFrames(context, spec);
}

FramedPair PairFrames::Put(int64_t number, int64_t item, const at::Tensor& image,
                           const at::Tensor& classes) const {
  const cv::Mat mask = MaskOfTensor(classes, source_.labels);
  const int background = source_.labels.background();
  Frame frame;
  FramedPair framed;
  if (framing_ == "references") {
    const at::Tensor order =
        at::randperm(static_cast<int64_t>(references_.frames.size()),
                     RandomStream(seed_, RandomUse::kPairFrame, number - 1), at::kLong);
    double kept = -1;
    int64_t best = 0;
    for (int64_t i = 0; i < order.size(0) && kept < kKeptEnough; ++i) {
      const auto drawn = order[i].item<int64_t>();
      const double share =
          KeptShare(mask, FrameAt(references_.frames[drawn], kViewSide), background);
      if (share <= kept) continue;
      kept = share;
      best = drawn;
    }
    frame = FrameAt(references_.frames[best], size_);
    framed.record["reference"] = references_.names[best];
  } else {
    frame = PlainFrame(ViewOfRow(source_.views.Row(item)), size_);
  }
  framed.record.update({{"of", framing_},
                        {"width", frame.size().width},
                        {"height", frame.size().height},
                        {"view", {frame.box.x, frame.box.y, frame.box.width, frame.box.height}}});
  framed.image = PutIntoFrame(ImageOfTensor(image), frame);
  framed.mask = PutMaskIntoFrame(mask, frame, background);
  return framed;
}

}  // namespace alignflow
