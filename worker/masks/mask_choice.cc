#include "worker/masks/mask_choice.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "worker/masks/unet_mask_flow.h"
#include "worker/sets/prepared_set.h"

namespace alignflow {
namespace {

constexpr int64_t kTiles = 8;
constexpr int kMoves = 64;  // attempts to move a real mask to where the rules allow it

cv::Mat MatOf(const at::Tensor& mask) {
  return cv::Mat(static_cast<int>(mask.size(0)), static_cast<int>(mask.size(1)), CV_8UC1,
                 mask.data_ptr<uint8_t>());
}

}  // namespace

at::Tensor MaskFeatures(const at::Tensor& classes, int64_t count) {
  const int64_t side = classes.size(1) / kTiles;
  const at::Tensor shares = PlanesOfClasses(classes, count).slice(1, 1).add(1).div(2);
  return at::avg_pool2d(shares, side).flatten(1);
}

double MaskSimilarity(const at::Tensor& a, const at::Tensor& b) {
  const double length = (a.norm() * b.norm()).item<double>();
  if (length > 0) return a.dot(b).item<double>() / length;
  return at::equal(a, b) ? 1 : 0;
}

RealMasks::RealMasks(const ImageSet& masks, MaskRules rules)
    : count_(masks.labels.classes()), rules_(std::move(rules)), classes_(masks.classes) {
  const at::Tensor digests = masks.mask_digests.contiguous();
  const auto width = static_cast<size_t>(digests.size(1));
  const char* bytes = static_cast<const char*>(digests.const_data_ptr());
  const std::string empty = RowDigest(at::zeros_like(classes_[0]));
  for (int64_t i = 0; i < digests.size(0); ++i) {
    std::string digest(bytes + i * width, width);
    if (digest != empty) known_.push_back(std::move(digest));
  }
  std::ranges::sort(known_);
}

void RealMasks::Consider(const cv::Mat& cleaned, int64_t origin, Choice& best) const {
  const at::Tensor mask =
      at::from_blob(cleaned.data, {cleaned.rows, cleaned.cols}, at::kByte).clone();
  if (!MaskFault(cleaned, rules_).empty()) return;
  if (std::ranges::binary_search(known_, RowDigest(mask))) return;
  const bool empty = !mask.any().item<bool>();
  const at::Tensor real = classes_.narrow(0, origin, 1);
  if (empty && real.any().item<bool>()) return;
  const double similarity =
      MaskSimilarity(MaskFeatures(mask.unsqueeze(0), count_)[0], MaskFeatures(real, count_)[0]);
  if (similarity > best.similarity) best = {mask, similarity};
}

RealMasks::Choice RealMasks::Choose(const at::Tensor& candidates, int64_t origin) const {
  Choice best;
  for (const at::Tensor& candidate : candidates.unbind()) {
    Consider(CleanMask(MatOf(candidate.contiguous()), rules_), origin, best);
  }
  return best;
}

RealMasks::Choice RealMasks::Moved(int64_t origin, at::Generator random) const {
  Choice best;
  for (int move = 0; move < kMoves && !best.mask.defined(); ++move) {
    Consider(CleanMask(MovedMask(MatOf(classes_[origin].contiguous()), random), rules_), origin,
             best);
  }
  if (!best.mask.defined()) {
    throw std::runtime_error(
        "no new mask was found for a real one that follows the source's rules");
  }
  return best;
}

}  // namespace alignflow
