#ifndef ALIGNFLOW_WORKER_FIGURES_SUBJECTS_H_
#define ALIGNFLOW_WORKER_FIGURES_SUBJECTS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "worker/pairs/pair_list.h"
#include "worker/sets/image_set.h"
#include "worker/tasks/task.h"

namespace alignflow {

// One of the sets of images that figures compare.
struct FigureSubject {
  std::string name;
  ImageSet set;
  // Of generated pairs, a row each; empty for real images.
  GeneratedSet pairs = {};  // without its set

  int64_t size() const { return set.size(); }
  bool generated() const { return !pairs.pairs.empty(); }
};

// What a figures task compares. `subjects` begins with "source" and ends with the pairs that the
// job hands out: "stage 2", or "pairs" where there is no stage 1 to compare them with.
struct FigureSets {
  std::vector<FigureSubject> subjects;  // source, references (with a target), stage 1, stage 2
  FigureSubject target;      // the held-out dataset, or else the references, and named so
  FigureSubject references;  // in any case
  bool held_out = false;     // whether there is a target beside the references

  const FigureSubject& source() const { return subjects.front(); }
  const FigureSubject& made() const { return subjects.back(); }
  const FigureSubject* Find(const std::string& name) const;
  // " to target" or " to references".
  std::string To() const { return " to " + target.name; }
};

FigureSets LoadFigureSets(TaskContext& context, const TaskSpec& spec);

// The row of the source image whose mask row `row` of `made` has; nothing if the mask is a new one
// or the image is not among those loaded.
std::optional<int64_t> OriginRow(const FigureSubject& made, int64_t row, const ImageSet& source);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_FIGURES_SUBJECTS_H_
