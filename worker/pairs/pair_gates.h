#ifndef ALIGNFLOW_WORKER_PAIRS_PAIR_GATES_H_
#define ALIGNFLOW_WORKER_PAIRS_PAIR_GATES_H_

#include <ATen/ATen.h>

#include <memory>
#include <string>
#include <vector>

#include "common/settings/pair_mix.h"
#include "worker/sets/image_set.h"
#include "worker/tasks/task.h"

namespace alignflow {

// What the gates say about one pair.
struct GateVerdict {
  double mask_agreement = 0;  // Dice, 0 to 1
  double memorization = 0;    // distance to the nearest real image, 0: a copy, about 1: a new image
  std::string nearest;        // that image's stem
  std::string nearest_in;     // "source" or "references"
  bool near_copy = false;     // memorization is below gates.memorization
  bool passed = false;
  std::string reason;  // why not, such as "mask agreement 0.21"; empty if passed
};

// The gates that a generated pair passes before it is handed out. A pair fails
//   - when mask agreement is below gates.mask_agreement: a segmenter trained on the source's real
//     pairs (inputs judge/NNNNNN) does not see the asked mask in the image. Of the judges that is
//     the one whose training left out the pair's source image with its fold (cross-fitting); where
//     masks are of another dataset, which no judge has seen, the first;
//   - when it is a near copy of one of the references, or, of a generated pair, of any source
//   image.
//     Restyled and recoloured pairs are copies of a source image by their making: the near copy is
//     declared and passes.
// Of volumes, near copies are looked for in slices: of the source through what the mask shows, of
// references, which have none, through the middle; and in those of the mirrored volume, too.
// Verdicts on a pair depend on that pair alone. Used from the task's thread.
class PairGates {
 public:
  // Reads the settings and the inputs judge/NNNNNN and statistics of a generate task. `source` is
  // what the judges were trained on. `references` may be empty (size 0 or undefined images). Throws
  // TaskError with InvalidArgument if a judge was trained on masks of other classes than the
  // source's.
  PairGates(TaskContext& context, const TaskSpec& spec, const ImageSet& source,
            const ImageSet& references);
  ~PairGates();

  // images: uint8 [B,3,S,S] RGB or [B,1,S,S,S]; classes: uint8 [B,S,S] or [B,S,S,S]; on the CPU.
  // One verdict a row. kind: what they are. items: the row of the task's source whose mask each
  // has, or is made after; empty: no judge has seen any of them.
  std::vector<GateVerdict> Judge(const at::Tensor& images, const at::Tensor& classes, PairKind kind,
                                 const std::vector<int64_t>& items = {}) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_PAIRS_PAIR_GATES_H_
