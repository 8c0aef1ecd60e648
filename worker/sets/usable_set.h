#ifndef ALIGNFLOW_WORKER_SETS_USABLE_SET_H_
#define ALIGNFLOW_WORKER_SETS_USABLE_SET_H_

#include "worker/sets/image_set.h"
#include "worker/tasks/task.h"

namespace alignflow {

// Images whose mask shows anything but background; 0 without masks. Looks at every mask.
int64_t ImagesWithStructures(const ImageSet& set);

// What the coordinator asks at submission, asked again of the pixels before anything is computed
// from a prepared source, which knows the answers: it may have been registered by a client that
// counts nothing, or wrongly. Throws TaskError with InvalidArgument, with the remedy, where this
// task or the figures at the job's end would have too little (common/settings/least_numbers.h) or
// where most structures vanish at this size.
void CheckUsable(const TaskSpec& spec, const ImageSet& source);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_SETS_USABLE_SET_H_
