#ifndef ALIGNFLOW_WORKER_FIGURES_SUBJECTS_H_
#define ALIGNFLOW_WORKER_FIGURES_SUBJECTS_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/settings/least_numbers.h"
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
  // Of a part of the pairs that the job hands out: its rows among them.
  std::vector<int64_t> rows = {};
  // Of real images: the name of a picture that was there twice -> the one that is kept.
  std::map<std::string, std::string> same_as = {};

  int64_t size() const { return set.images.defined() ? set.size() : 0; }
  // The name under which a picture is kept.
  const std::string& Kept(const std::string& name) const {
    const auto same = same_as.find(name);
    return same == same_as.end() ? name : same->second;
  }
  bool generated() const { return !pairs.pairs.empty(); }
};

// What a figures task compares. Every real set holds each picture once (overlap.h), and the target
// none that is in the source or among the references. `subjects` begins with "source" and ends with
// the pairs that the job hands out. These are "stage 2" where a model has made them all and there
// is a stage 1 to compare them with, "recoloured" where all are source images in other colours, and
// else "pairs"; before "pairs" of both kinds, either kind is a subject of its own, "stage 2" and
// "recoloured". "stage 1" has the pairs of "stage 2" alone.
struct FigureSets {
  // source, references (with a target), stage 1, stage 2, recoloured, pairs
  std::vector<FigureSubject> subjects;
  // The held-out dataset, or else the references or, without them, the source; and named so.
  FigureSubject target;
  FigureSubject references;  // without a name if there are none
  // Whose masks the pairs have, if it is another dataset than the source; else without a name.
  FigureSubject apart = {};
  ImageSet framed = {};      // pairs of made() that people look at, with their frames and as large
                             // as they see them; undefined images where pairs have none
  bool volumes = false;      // whether all are of volumes, each shown by three slices side by side
  bool held_out = false;     // whether there is a target beside the references
  int64_t not_held_out = 0;  // target images that were left out

  const FigureSubject& source() const { return subjects.front(); }
  bool has_references() const { return !references.name.empty(); }
  // Whether a subject is what the others are held against.
  bool IsTarget(const FigureSubject& subject) const { return subject.name == target.name; }
  const FigureSubject& origins() const { return apart.name.empty() ? source() : apart; }
  const FigureSubject& made() const { return subjects.back(); }
  const FigureSubject* Find(const std::string& name) const;
  // Whether the pairs that the job hands out are shown in parts, too.
  bool in_parts() const {
    return subjects.size() > 1 && !subjects[subjects.size() - 2].rows.empty();
  }
  // " to target" or " to references".
  std::string To() const { return " to " + target.name; }
};

// Throws TaskError with InvalidArgument if there are fewer images than figures take
// (common/settings/least_numbers.h).
FigureSets LoadFigureSets(TaskContext& context, const TaskSpec& spec);

// What there is of each, as far as the sets tell.
Quantities QuantitiesOf(const FigureSets& sets);

// What a pair is, as its record says it: "generated", "restyled", "recoloured" or
// "framed".
std::string KindOfPair(const FigureSubject& made, int64_t row);

// The row of the image in `origins` whose mask row `row` of `made` has; nothing if the mask is a
// new one or the image is not among those loaded.
std::optional<int64_t> OriginRow(const FigureSubject& made, int64_t row,
                                 const FigureSubject& origins);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_FIGURES_SUBJECTS_H_
