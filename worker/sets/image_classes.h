#ifndef ALIGNFLOW_WORKER_SETS_IMAGE_CLASSES_H_
#define ALIGNFLOW_WORKER_SETS_IMAGE_CLASSES_H_

#include <ATen/ATen.h>

#include <cstdint>
#include <string>
#include <vector>

#include "worker/models/backbone.h"
#include "worker/sets/image_set.h"
#include "worker/tasks/task.h"
#include "worker/training/epoch_order.h"

// What images as a whole show (classes.csv), as models know it.
namespace alignflow {

// The different classes of a set's images, sorted; empty where nothing is said of them.
std::vector<std::string> ClassNames(const ImageSet& set);

// Which items of a set pairs are made of, pair by pair: all of them as EpochOrder has it, or those
// of the named classes, one class after the other in turn, each in an order of its own. Not
// thread-safe.
class PairItems {
 public:
  // classes: empty: all items. Throws TaskError with InvalidArgument for a
  // class that no image of the set has.
  PairItems(const ImageSet& set, const std::vector<std::string>& classes, uint64_t seed);

  // Of pairs first + 1, ..., first + size: int64 [size].
  at::Tensor Items(int64_t first, int64_t size);

 private:
  std::vector<at::Tensor> members_;  // int64, of each class
  std::vector<EpochOrder> orders_;
};

// As the setting pairs.classes has it.
PairItems PairItemsOf(const TaskSpec& spec, const ImageSet& set);

// Those of the items as numbers of the model's image classes: int64 [B], the number behind the last
// where nothing is said. Undefined for a model that knows none. Throws TaskError with
// InvalidArgument for a class that the model does not know. items: int64 [B].
at::Tensor ClassesFor(const Backbone& model, const ImageSet& set, const at::Tensor& items);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_SETS_IMAGE_CLASSES_H_
