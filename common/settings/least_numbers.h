#ifndef ALIGNFLOW_COMMON_SETTINGS_LEAST_NUMBERS_H_
#define ALIGNFLOW_COMMON_SETTINGS_LEAST_NUMBERS_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

// How many there must be of what: for a task to be computed at all, and for a verdict to be given.
// The coordinator asks before anything is queued, the tasks ask again with what they have read, the
// verdicts with what was measured: one table for all. Pure functions, thread-safe.
namespace alignflow {

// What is counted. Files or pictures that are in a set twice count once, and target images that are
// in the source or among the references do not count.
enum class Quantity {
  kSourceImages,
  kSourceStructures,  // source images whose mask shows a structure
  kReferences,
  kTargetImages,
  kTargetStructures,  // target images whose mask shows a structure
  kTargetGroups,      // sequences, and images that belong to none
  kPairs,             // that the figures look at
  kPairStructures,    // of these, whose mask shows a structure
  kRuns,              // segmentation models on each side
  kRunSteps,          // training steps of each
};

struct LeastNumber {
  std::string_view needed_by;  // a task kind, or a verdict's name
  Quantity quantity;
  int64_t least;
  std::string_view why;  // "features are standardised by how images differ"
};

// Rows of task kinds and of verdicts.
const std::vector<LeastNumber>& LeastNumbersOfTasks();
const std::vector<LeastNumber>& LeastNumbersOfVerdicts();

// "source images whose masks show a structure".
std::string_view QuantityName(Quantity quantity);

// Those that are known.
using Quantities = std::map<Quantity, int64_t>;

// InvalidArgument where a task of this kind could not be computed: how many there are, how many it
// takes and why, and the remedy. What is not known is not checked.
absl::Status CheckLeastNumbers(std::string_view kind, const Quantities& known);

// What a verdict lacks: "1 run, needs 3 (--set evaluate.seeds=3)", ...; empty if nothing is
// missing. What is not known is missing.
std::vector<std::string> MissingEvidence(std::string_view verdict, const Quantities& known);

}  // namespace alignflow

#endif  // ALIGNFLOW_COMMON_SETTINGS_LEAST_NUMBERS_H_
