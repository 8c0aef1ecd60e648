#include "worker/gates/mask_agreement.h"

#include <stdexcept>
#include <vector>

namespace alignflow {
namespace {

// Pixels of each class: [B,K,...] of bytes to [B,K].
struct Counts {
  at::Tensor seen, asked, both;  // double [B,K]
};

Counts Count(const at::Tensor& seen, const at::Tensor& asked, int64_t classes) {
  if (seen.dim() < 3 || seen.sizes() != asked.sizes()) {
    throw std::invalid_argument("masks to be compared must both be [B,H,W] or [B,D,H,W]");
  }
  std::vector<int64_t> per_class(seen.dim() + 1, 1);
  per_class[1] = classes;
  const at::Tensor numbers = at::arange(classes, seen.options()).view(per_class);
  const at::Tensor a = seen.unsqueeze(1).eq(numbers), b = asked.unsqueeze(1).eq(numbers);
  const auto pixels = [](const at::Tensor& of) { return of.flatten(2).sum(2).to(at::kDouble); };
  return {pixels(a), pixels(b), pixels(a.logical_and(b))};
}

}  // namespace

ClassOverlap OverlapOf(const at::Tensor& seen, const at::Tensor& asked, int64_t classes) {
  const Counts counts = Count(seen, asked, classes);
  const auto foreground = [classes](const at::Tensor& all) {
    return all.narrow(1, 1, classes - 1);
  };
  // 0 / 0 is NaN, as wanted.
  const at::Tensor total = counts.seen + counts.asked;
  return {foreground(2 * counts.both / total), foreground(counts.both / (total - counts.both))};
}

at::Tensor MaskAgreement(const at::Tensor& seen, const at::Tensor& asked, int64_t classes) {
  const Counts counts = Count(seen, asked, classes);
  const at::Tensor dice = (2 * counts.both / (counts.seen + counts.asked)).nan_to_num(0);
  const at::Tensor present = counts.asked.gt(0).to(at::kDouble);
  const at::Tensor foreground = present.narrow(1, 1, classes - 1);
  const at::Tensor found = foreground.sum(1);
  const at::Tensor mean = (dice.narrow(1, 1, classes - 1) * foreground).sum(1) / found;
  return at::where(found.gt(0), mean, dice.select(1, 0));
}

}  // namespace alignflow
