#ifndef ALIGNFLOW_WORKER_DATA_STEM_MATCH_H_
#define ALIGNFLOW_WORKER_DATA_STEM_MATCH_H_

#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace alignflow {

// Which mask belongs to which image, by the stems of their files alone.
//
// One rule serves a whole set: files are never matched some by one rule and some by another, where
// a name could mean two things. Rules are tried in this order, and the first that matches every
// file counts: the same stem; the same in Unicode's composed form; the same but for upper and lower
// case; then, with a mark cut off, case aside: marks at the end of a mask's stem ("a_mask",
// "a-segmentation", "a_gt", "a_manual1") or before it ("mask_a"), or of an image's ("a_img",
// "image_a", "21_training"). Where none matches everything, it is the rule that matches most.
//
// Stems are UTF-8. Pure and thread-safe.
struct StemMatch {
  std::vector<std::pair<size_t, size_t>> pairs;  // (image, mask), rising by image
  std::vector<size_t> images_alone;              // without a mask
  std::vector<size_t> masks_alone;
  // Stems that are one to the rule, (later, first) in the same list: which of them is meant is not
  // clear. The first one is matched.
  std::vector<std::pair<size_t, size_t>> image_doubles;
  std::vector<std::pair<size_t, size_t>> mask_doubles;
  std::string rule;  // how a mask's name follows from its image's; empty: the same stem

  bool whole() const {
    return images_alone.empty() && masks_alone.empty() && image_doubles.empty() &&
           mask_doubles.empty();
  }
};

StemMatch MatchStems(const std::vector<std::string>& images, const std::vector<std::string>& masks);

// Images and masks in one folder, told apart by a mark that every mask carries: "a.jpg" and
// "a_mask.png". The mark is the one with which most files are matched, every mask among them;
// nothing if there is none.
struct MarkedMasks {
  std::vector<size_t> images, masks;  // indices of the stems, rising
  std::string mark;                   // "`_mask` at its end"
};
std::optional<MarkedMasks> FindMarkedMasks(const std::vector<std::string>& stems);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_DATA_STEM_MATCH_H_
