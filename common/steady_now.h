#ifndef ALIGNFLOW_COMMON_STEADY_NOW_H_
#define ALIGNFLOW_COMMON_STEADY_NOW_H_

#include "absl/time/time.h"

namespace alignflow {

// The time as the machine's clock told it when the program started, and what has passed since by a
// clock that nobody sets. When the machine's is set, forwards or back, no lease runs out for it,
// none lives for ever, and nothing is taken for old. Files have the machine's time.
absl::Time SteadyNow();

// By how much the machine's clock was set forwards (or, negative, back) since the program started.
absl::Duration ClockStep();

}  // namespace alignflow

#endif  // ALIGNFLOW_COMMON_STEADY_NOW_H_
