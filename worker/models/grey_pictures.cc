#include "worker/models/grey_pictures.h"

#include <algorithm>
#include <stdexcept>

namespace alignflow {

GreyPictures::GreyPictures(const std::vector<uint8_t>& greys) {
  if (greys.empty()) throw std::invalid_argument("there must be a class");
  const auto greatest =
      static_cast<float>(std::max<int>(1, *std::max_element(greys.begin(), greys.end())));
  std::vector<float> levels;
  for (const uint8_t grey : greys) levels.push_back(2 * static_cast<float>(grey) / greatest - 1);
  levels_ = at::tensor(levels, at::kFloat);
}

at::Tensor GreyPictures::Of(const at::Tensor& classes, at::Device device) const {
  const at::Tensor numbers = classes.to(device).to(at::kLong);
  return levels_.to(device).take(numbers).unsqueeze(1).expand({-1, 3, -1, -1});
}

at::Tensor GreyPictures::Classes(const at::Tensor& pictures) const {
  const at::Tensor levels = levels_.to(pictures.device()).view({1, -1, 1, 1});
  return (pictures.mean({1}, /*keepdim=*/true) - levels).abs().argmin(1).to(at::kByte).cpu();
}

}  // namespace alignflow
