#ifndef ALIGNFLOW_WORKER_DATA_LABEL_USE_H_
#define ALIGNFLOW_WORKER_DATA_LABEL_USE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <opencv2/core/mat.hpp>
#include <optional>
#include <string>
#include <vector>

#include "common/data/label_table.h"
#include "worker/data/fault_list.h"

namespace alignflow {

// Where the grey values of a set's masks occur. What it keeps does not grow with the set. Not
// thread-safe; the order of additions does not matter.
class LabelUse {
 public:
  static constexpr size_t kNamedMasks = 10;

  // One mask, 8 bits, one channel; `index` is its number in the set, from 0.
  void Add(const cv::Mat& mask, size_t index);
  // All of another set of the same numbering.
  void Add(const LabelUse& other);

  size_t masks() const { return masks_; }
  int64_t pixels() const { return pixels_in_all_; }
  const MaskHistogram& histogram() const { return pixels_; }
  int64_t pixels(int value) const { return pixels_[value]; }
  size_t masks_with(int value) const { return masks_with_[value]; }
  // The first kNamedMasks masks that hold the value, rising.
  const std::vector<size_t>& first_masks(int value) const { return first_[value]; }
  // Pixels of the value along the four borders of the masks.
  int64_t border(int value) const { return border_[value]; }

 private:
  void Remember(int value, size_t index);

  size_t masks_ = 0;
  int64_t pixels_in_all_ = 0;
  MaskHistogram pixels_{};
  MaskHistogram border_{};
  std::array<size_t, 256> masks_with_{};
  std::array<std::vector<size_t>, 256> first_;
};

// What became of one class.
struct LabelRow {
  int value = 0;
  std::string code;  // as the masks store it: "128", or "#ff0000" in a table of colours
  std::string name;  // "background" for class 0
  int class_index = 0;
  int64_t pixels = 0;
  double share = 0;  // of all pixels of all masks, 0..1
  size_t masks = 0;  // in which it occurs
};
// A row a class, the background first.
std::vector<LabelRow> LabelRows(const LabelTable& table, const LabelUse& use);

// What a data team should know before it goes on: a background that is not the most frequent value
// along the masks' borders, labels that never occur. A sentence each.
std::vector<std::string> LabelWarnings(const LabelTable& table, const LabelUse& use);

// The path of the mask with a number.
using MaskPath = std::function<std::filesystem::path(size_t index)>;

// Adds a fault for each value that the table does not name: its pixels, the masks, the label whose
// value is nearest.
void AddStrayValues(const LabelTable& table, const LabelUse& use, const MaskPath& path,
                    FaultList& faults);

// The table of masks that came without one. Nothing, and the faults say why, where
// LabelTable::Infer refuses or where a value looks like a slip: a handful of pixels beside a
// frequent value that is almost the same. Of masks stored with loss, the peaks of their values are
// the labels. `dir` is what the fault is about where no mask is.
std::optional<LabelTable> GuessLabels(const LabelUse& use, bool lossy,
                                      const std::filesystem::path& dir, const MaskPath& path,
                                      FaultList& faults);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_DATA_LABEL_USE_H_
