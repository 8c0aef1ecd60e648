#ifndef ALIGNFLOW_WORKER_FIGURES_VERDICTS_H_
#define ALIGNFLOW_WORKER_FIGURES_VERDICTS_H_

#include <optional>
#include <string>

#include "common/settings/least_numbers.h"
#include "worker/figures/distances.h"
#include "worker/figures/downstream.h"
#include "worker/figures/gates.h"

namespace alignflow {

// What the verdicts rest on.
struct JobFindings {
  AlignmentFindings alignment;
  DiversityFindings diversity;
  GateFindings gates;
  std::optional<DownstreamGain> whole, views;  // by what the segmentation models see
  Quantities views_known = {};                 // as `known`, for the models that see views
  std::string target;                          // what the pairs are compared with
  Quantities known;                            // how much evidence there is
  int64_t references = 0;                      // images
  bool has_references = true;                  // or the model knows none
  int64_t not_held_out = 0;                    // target images that were left out
  double diversity_needed = 0;                 // gates.diversity
  double mask_agreement_needed = 0;            // gates.mask_agreement
  double memorization_needed = 0;              // gates.memorization; 0: not checked
};

// A verdict is `not measured`, and says what is missing, where there is less evidence than
// common/settings/least_numbers.h asks for; a copy that was found counts however few were looked
// at.
//
// verdicts.json, see task.h: whether the pairs are aligned, diverse, true to their masks, new and
// worth it. docs/figures.md says when a verdict is which.
std::string VerdictsJson(const JobFindings& found);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_FIGURES_VERDICTS_H_
