#ifndef ALIGNFLOW_WORKER_FIGURES_OVERLAP_H_
#define ALIGNFLOW_WORKER_FIGURES_OVERLAP_H_

#include <ATen/ATen.h>

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "worker/figures/subjects.h"

// Pictures that must not count twice. They are compared by their fingerprints at the preset's size
// (common/data/fingerprint.h), whatever the coordinator found out before.
namespace alignflow {

// Leaves each picture of a set of real images once, and says in same_as which was which.
void KeepDistinct(FigureSubject& real);

// Takes out of `target` what is in the source or among the references: by file, of which `files`
// holds the digests of all, uint8 [N,32] each, and by picture among the images loaded; and the
// whole group of what is among the references: `groups` holds those of all. Of
// volumes, whose slices are as alike in two patients as two pictures of one, files and groups alone
// tell (`by_picture` false). Returns how many.
// Throws TaskError with InvalidArgument if none would be left.
int64_t LeaveOutKnown(const std::vector<at::Tensor>& files, const std::set<std::string>& groups,
                      const FigureSubject& source, const FigureSubject& references, bool by_picture,
                      FigureSubject& target);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_FIGURES_OVERLAP_H_
