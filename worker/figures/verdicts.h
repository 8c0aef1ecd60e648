#ifndef ALIGNFLOW_WORKER_FIGURES_VERDICTS_H_
#define ALIGNFLOW_WORKER_FIGURES_VERDICTS_H_

#include <optional>
#include <string>

#include "worker/figures/distances.h"
#include "worker/figures/gates.h"
#include "worker/metrics/paired.h"

namespace alignflow {

// What the verdicts rest on.
struct JobFindings {
  SetFindings sets;  // on the filter bank
  GateFindings gates;
  std::optional<PairedGain> gain;
  std::string target;                // what the pairs are compared with
  int64_t references = 0;            // images
  double diversity_needed = 0;       // gates.diversity
  double mask_agreement_needed = 0;  // gates.mask_agreement
  double memorization_needed = 0;    // gates.memorization; 0: not checked
};

// verdicts.json, see task.h: whether the pairs are aligned, diverse, true to their masks, new and
// worth it. docs/figures.md says when a verdict is which.
std::string VerdictsJson(const JobFindings& found);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_FIGURES_VERDICTS_H_
