#ifndef ALIGNFLOW_WORKER_SETS_USABLE_SET_H_
#define ALIGNFLOW_WORKER_SETS_USABLE_SET_H_

#include "common/data/structures.h"
#include "worker/sets/image_set.h"
#include "worker/tasks/task.h"

namespace alignflow {

// Images whose mask shows anything but background; 0 without masks.
int64_t ImagesWithStructures(const ImageSet& set);

// Images that differ from every other in a pixel.
int64_t DistinctImages(const ImageSet& set);

// What the coordinator asks at submission, asked again of the pixels before anything is computed
// from a source: it may have been registered by a client that counts nothing, or wrongly. Throws
// TaskError with InvalidArgument, with the remedy, where this task or the figures at the job's end
// would have too little (common/settings/least_numbers.h) or where most structures vanish at this
// size. `facts` are those of the masks as they were decoded; LoadImageSet counts them on demand.
void CheckUsable(const TaskSpec& spec, const ImageSet& source);
void CheckUsable(const TaskSpec& spec, const ImageSet& source, const MaskFacts& facts);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_SETS_USABLE_SET_H_
