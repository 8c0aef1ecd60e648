#ifndef ALIGNFLOW_WORKER_ALIGNMENT_COLLAPSE_GUARD_H_
#define ALIGNFLOW_WORKER_ALIGNMENT_COLLAPSE_GUARD_H_

#include <cstdint>
#include <limits>
#include <string>

namespace alignflow {

// Watches a stage 2: keeps the state nearest to the references among those that are diverse enough,
// ends the run once it no longer comes nearer, and once diversity is lost. Knows numbers only.
class CollapseGuard {
 public:
  struct Options {
    int64_t patience = 4;  // looks without improvement after which the run ends
    // Mean pairwise distance of features below which a set of images counts as collapsed.
    double least_diversity = 0;
  };
  // What a look says about the state looked at.
  enum class Verdict {
    kBest,       // the best so far
    kWorse,      // not the best; the run goes on
    kExhausted,  // not the best, and too many looks without one: the run ends
    kCollapsed   // too little diversity: the run ends
  };

  explicit CollapseGuard(const Options& options) : options_(options) {}

  // misalignment: distance to the references, lower is nearer; diversity: mean pairwise distance.
  // What is not a finite number counts as collapsed.
  Verdict Look(int64_t step, double misalignment, double diversity);

  // Of the best state; step -1 if no look has found one.
  int64_t best_step() const { return best_step_; }
  double best_misalignment() const { return best_; }

  // The state as text and back. Restore throws std::runtime_error and changes nothing.
  std::string ToJson() const;
  void Restore(const std::string& json);

 private:
  Options options_;
  int64_t best_step_ = -1;
  double best_ = std::numeric_limits<double>::max();
  int64_t since_best_ = 0;  // looks
};

// The diversity below which images count as collapsed: `floor` times that of stage 1's images or of
// the references, whichever is smaller, as the scanner's own images may be more alike than the
// source's. A single reference tells nothing of its scanner's diversity; it counts as a tenth of
// stage 1's.
double LeastDiversity(double floor, double stage1, double references, int64_t reference_count);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_ALIGNMENT_COLLAPSE_GUARD_H_
