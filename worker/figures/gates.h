#ifndef ALIGNFLOW_WORKER_FIGURES_GATES_H_
#define ALIGNFLOW_WORKER_FIGURES_GATES_H_

#include <cstdint>
#include <optional>

#include "worker/figures/subjects.h"
#include "worker/figures/table.h"

namespace alignflow {

// What the gates said about the pairs that are handed out, from their records.
struct GateFindings {
  bool ran = false;
  double mask_agreement = 0;    // mean over the pairs whose mask shows a structure
  int64_t with_structures = 0;  // these pairs
  int64_t judged = 0;           // pairs whose records have the gates' verdict
  int64_t near_copies = 0;      // of these
  double left_out_share = 0;    // of all pairs asked for
  // Pairs that are copies of a source image by their making.
  int64_t restyled = 0, recoloured = 0, framed = 0;
};

// "mask agreement", "near copies (percent)" and "left out (percent)" of the pairs that the job
// hands out, the first two of their parts as well.
GateFindings AddGateFigures(const FigureSets& sets, FigureTable& table);

// record.gates.mask_agreement of a pair; nothing if the gates were off.
std::optional<double> MaskAgreementOf(const FigureSubject& made, int64_t row);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_FIGURES_GATES_H_
