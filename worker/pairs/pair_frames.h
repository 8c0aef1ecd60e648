#ifndef ALIGNFLOW_WORKER_PAIRS_PAIR_FRAMES_H_
#define ALIGNFLOW_WORKER_PAIRS_PAIR_FRAMES_H_

#include <ATen/ATen.h>

#include <cstdint>
#include <nlohmann/json.hpp>
#include <opencv2/core/mat.hpp>

#include "common/data/label_table.h"
#include "worker/sets/image_set.h"
#include "worker/sets/reference_set.h"
#include "worker/tasks/task.h"

namespace alignflow {

// A pair with a frame around it.
struct FramedPair {
  cv::Mat image;          // BGR, 8 bits
  cv::Mat mask;           // label values, of the image's size
  nlohmann::json record;  // what was done: the record's "framing" (worker/tasks/task.h)
};

// Puts pairs, which are made as views, into frames, as the setting `framing` says:
//   references: into the frame of one of the references, drawn anew for each pair. Where less than
//     90 % of the mask's structures would stay in the view, another is taken, and the best if none
//     keeps that much; what is outside becomes background.
//   source: into the frame of the source image whose mask it is, or is made after.
//   none: pairs are whole pictures already, and nothing is done.
// Used from the task's thread.
class PairFrames {
 public:
  // Reads the input references where they are needed. `source` must outlive it.
  PairFrames(TaskContext& context, const TaskSpec& spec, const ImageSet& source);

  // Whether pairs are views, which get a frame.
  bool frames() const { return framing_ != "none"; }

  // image: uint8 [3,L,L]; classes: uint8 [L,L]; item: of the source. Depends on the task's seed and
  // the pair's number alone.
  FramedPair Put(int64_t number, int64_t item, const at::Tensor& image,
                 const at::Tensor& classes) const;

 private:
  std::string framing_;
  uint64_t seed_;
  int size_;  // of the longer side
  const ImageSet& source_;
  ReferenceFrames references_;  // empty unless framing is references
};

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_PAIRS_PAIR_FRAMES_H_
