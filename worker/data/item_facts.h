#ifndef ALIGNFLOW_WORKER_DATA_ITEM_FACTS_H_
#define ALIGNFLOW_WORKER_DATA_ITEM_FACTS_H_

#include <map>
#include <opencv2/core/mat.hpp>
#include <optional>
#include <span>

#include "common/data/fingerprint.h"
#include "common/data/label_table.h"
#include "common/data/structures.h"

// What is to be known of a dataset's items before anything is computed from them. Client and
// worker count alike. Pure functions, thread-safe.
namespace alignflow {

// image: 8-bit BGR of any size. A bit for each of the 255 lowest frequencies (16 x 16 without the
// mean) of the cosine transform of the luma at 64 x 64: whether it is above their median (Zauner
// 2010, "pHash"; with 8 x 8 frequencies frames of different patients are as near as copies).
// Nothing for a picture that shows nothing, such as a black frame.
std::optional<Fingerprint> FingerprintOf(const cv::Mat& image);

// Structures of one value of a mask, by the sides of squares that the mask is letterboxed to.
// mask: 8-bit, one channel.
ClassStructures StructuresOfValue(const cv::Mat& mask, int value, std::span<const int> sizes);

// By grey value, for masks whose table is not known yet: every value that occurs; none where these
// are more than 32, which is no mask of classes.
std::map<int, ClassStructures> StructuresByValue(const cv::Mat& mask, std::span<const int> sizes);

// By label: `by_value` without the background's and those that are no label's.
MaskFacts FactsOf(const std::map<int, ClassStructures>& by_value, const LabelTable& labels);

// What afctl sends of an item beside its files: at every preset's size (common/settings).
struct ItemFacts {
  std::optional<Fingerprint> fingerprint;
  std::map<int, ClassStructures> structures;  // by grey value; empty: there is no mask, or too much
};
ItemFacts FactsOfItem(const cv::Mat& image, const std::optional<cv::Mat>& mask);

// The mask's facts at the size of a worker that letterboxes it, and at the presets', for the
// remedy.
MaskFacts FactsOfMask(const cv::Mat& mask, const LabelTable& labels, int size);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_DATA_ITEM_FACTS_H_
