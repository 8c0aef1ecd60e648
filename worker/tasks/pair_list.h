#ifndef ALIGNFLOW_WORKER_TASKS_PAIR_LIST_H_
#define ALIGNFLOW_WORKER_TASKS_PAIR_LIST_H_

#include <string>
#include <vector>

#include "worker/data/label_table.h"
#include "worker/tasks/image_set.h"
#include "worker/tasks/task.h"

namespace alignflow {

// The pairs of a generate task: JSON lines, see task.h.
struct PairLine {
  int64_t pair = 0;
  std::string image;  // digests of PNGs
  std::string mask;
  std::string origin;  // the stem of the source item whose mask it is
};

// Throws TaskError with InvalidArgument naming the line that is not a pair.
std::vector<PairLine> ParsePairLines(const std::string& lines);

// The first `most` pairs of the inputs prefix/000001, prefix/000002, ... in order. Throws
// TaskError with InvalidArgument if there is none.
struct GeneratedSet {
  ImageSet set;                      // named "pair N"
  std::vector<std::string> origins;  // stems of the source items whose masks they have
};
GeneratedSet LoadPairs(TaskContext& context, const TaskSpec& spec, const std::string& prefix,
                       const LabelTable& labels, int64_t most);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_TASKS_PAIR_LIST_H_
