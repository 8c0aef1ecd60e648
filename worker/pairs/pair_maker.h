#ifndef ALIGNFLOW_WORKER_PAIRS_PAIR_MAKER_H_
#define ALIGNFLOW_WORKER_PAIRS_PAIR_MAKER_H_

#include <functional>
#include <memory>

#include "worker/models/backbone.h"
#include "worker/sets/image_set.h"
#include "worker/tasks/task.h"
#include "worker/training/random_stream.h"

namespace alignflow {

// Makes images for masks with the model of a generate task, as its settings say.
class PairMaker {
 public:
  // Loads the inputs model and, where pairs need it, stage1, for masks of the source's labels.
  // `spec` and `source` must outlive it. `unless_cancelled` is called before each step and may
  // throw.
  PairMaker(TaskContext& context, const TaskSpec& spec, const ImageSet& source,
            std::function<void()> unless_cancelled);

  // The masks to make images for.
  struct Request {
    at::Tensor classes;  // uint8 [B,S,S] or [B,S,S,S]
    // int64 [B]: of the source, what the images as a whole are to show as; undefined: nothing.
    at::Tensor items = {};
    // float [B,3,S,S] or [B,1,S,S,S] in [-1,1]: the images that are restyled. Undefined: the path
    // starts from noise.
    at::Tensor starts = {};
    std::vector<uint64_t> noise;  // [B] numbers of the random streams
    RandomUse use = RandomUse::kPairNoise;
    std::vector<double> style = {};  // [B] shares of the learned style in [0,1]; empty: all of it
  };
  // uint8 [B,3,S,S] or [B,1,S,S,S]. The last bits may depend on the size of the batch, nothing else
  // of a row depends on other rows.
  at::Tensor Images(const Request& request) const;

  // Whether the stage-1 model leads up to the hand-over.
  bool handover() const { return lead_ != nullptr; }
  // Whether restyled pairs differ in their share of the learned style.
  bool shares_style() const { return shares_style_; }

 private:
  // Times of the path under a strength, and the hand-over at its end.
  std::vector<double> Times(double strength) const;

  const TaskSpec& spec_;
  const ImageSet& source_;
  std::function<void()> unless_cancelled_;
  at::Device device_;
  std::unique_ptr<Backbone> model_;
  std::unique_ptr<Backbone> stage1_;  // where it leads, gives detail or shares of the style
  std::unique_ptr<VelocityModel> velocity_;
  std::unique_ptr<VelocityModel> lead_;  // null: no hand-over
  bool shares_style_ = false;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_PAIRS_PAIR_MAKER_H_
