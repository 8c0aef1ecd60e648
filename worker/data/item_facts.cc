#include "worker/data/item_facts.h"

#include <algorithm>
#include <opencv2/imgproc.hpp>
#include <vector>

#include "common/settings/settings.h"
#include "worker/data/letterbox.h"

namespace alignflow {
namespace {

constexpr int kSide = 64;           // of the picture that is transformed
constexpr int kFrequencies = 16;    // in each direction
constexpr int kMostValues = 32;     // in a mask of classes
constexpr double kLeastSpread = 3;  // grey levels; below, a picture shows nothing

std::vector<int> SizesOfPresets() {
  std::vector<int> sizes;
  for (const auto& [preset, size] : PresetSizes()) sizes.push_back(size);
  return sizes;
}

}  // namespace

std::optional<Fingerprint> FingerprintOf(const cv::Mat& image) {
  cv::Mat grey, small, levels, frequencies;
  cv::cvtColor(image, grey, cv::COLOR_BGR2GRAY);
  cv::resize(grey, small, {kSide, kSide}, 0, 0, cv::INTER_AREA);
  cv::Scalar mean, spread;
  cv::meanStdDev(small, mean, spread);
  if (spread[0] < kLeastSpread) return std::nullopt;
  small.convertTo(levels, CV_32F);
  cv::dct(levels, frequencies);
  std::vector<float> values;
  for (int y = 0; y < kFrequencies; ++y) {
    for (int x = y == 0 ? 1 : 0; x < kFrequencies; ++x) {
      values.push_back(frequencies.at<float>(y, x));
    }
  }
  std::vector<float> sorted = values;
  const auto middle = sorted.begin() + static_cast<std::ptrdiff_t>(sorted.size() / 2);
  std::ranges::nth_element(sorted, middle);
  Fingerprint fingerprint;
  for (size_t i = 0; i < values.size(); ++i) {
    if (values[i] > *middle) fingerprint.bits[i / 64] |= uint64_t{1} << (i % 64);
  }
  return fingerprint;
}

ClassStructures StructuresOfValue(const cv::Mat& mask, int value, std::span<const int> sizes) {
  ClassStructures shown;
  cv::Mat numbers, statistics, centres;
  const int count =
      cv::connectedComponentsWithStats(mask == value, numbers, statistics, centres, 8, CV_32S) - 1;
  shown.images = count > 0 ? 1 : 0;
  shown.structures = count;
  const auto area = [&](int number) -> int64_t {
    return statistics.at<int>(number, cv::CC_STAT_AREA);
  };
  for (int number = 1; number <= count; ++number) shown.pixels += area(number);
  for (const int size : sizes) {
    const LetterboxPlan plan = PlanLetterbox(mask.cols, mask.rows, size);
    // The numbers go the way of the mask's values, so a number that is left is a structure that is.
    const cv::Mat boxed = LetterboxMask(numbers, plan, /*background=*/0);
    std::vector<bool> left(count + 1);
    for (int y = 0; y < boxed.rows; ++y) {
      for (int x = 0; x < boxed.cols; ++x) left[boxed.at<int>(y, x)] = true;
    }
    KeptStructures& kept = shown.kept[size];
    for (int number = 1; number <= count; ++number) {
      if (!left[number]) continue;
      ++kept.structures;
      kept.pixels += area(number);
    }
  }
  return shown;
}

std::map<int, ClassStructures> StructuresByValue(const cv::Mat& mask, std::span<const int> sizes) {
  MaskHistogram histogram{};
  for (int y = 0; y < mask.rows; ++y) {
    AddToHistogram({mask.ptr(y), static_cast<size_t>(mask.cols)}, histogram);
  }
  std::map<int, ClassStructures> by_value;
  const auto occurring = std::ranges::count_if(histogram, [](auto pixels) { return pixels > 0; });
  if (occurring > kMostValues) return by_value;
  for (int value = 0; value < static_cast<int>(histogram.size()); ++value) {
    if (histogram[value] > 0) by_value[value] = StructuresOfValue(mask, value, sizes);
  }
  return by_value;
}

MaskFacts FactsOf(const std::map<int, ClassStructures>& by_value, const LabelTable& labels) {
  MaskFacts facts{.images = 1, .with_structures = 0, .classes = {}};
  for (const LabelTable::Label& label : labels.labels()) {
    const auto shown = by_value.find(label.value);
    if (shown == by_value.end() || shown->second.structures == 0) continue;
    facts.classes[label.name] = shown->second;
    facts.with_structures = 1;
  }
  return facts;
}

ItemFacts FactsOfItem(const cv::Mat& image, const std::optional<cv::Mat>& mask) {
  ItemFacts facts{.fingerprint = FingerprintOf(image), .structures = {}};
  if (mask) facts.structures = StructuresByValue(*mask, SizesOfPresets());
  return facts;
}

MaskFacts FactsOfMask(const cv::Mat& mask, const LabelTable& labels, int size) {
  std::map<int, ClassStructures> by_value;
  std::vector<int> sizes = SizesOfPresets();
  if (std::ranges::find(sizes, size) == sizes.end()) sizes.push_back(size);
  for (const LabelTable::Label& label : labels.labels()) {
    by_value[label.value] = StructuresOfValue(mask, label.value, sizes);
  }
  return FactsOf(by_value, labels);
}

}  // namespace alignflow
