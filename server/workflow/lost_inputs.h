#ifndef ALIGNFLOW_SERVER_WORKFLOW_LOST_INPUTS_H_
#define ALIGNFLOW_SERVER_WORKFLOW_LOST_INPUTS_H_

#include <string>

#include "server/workflow/change.h"

namespace alignflow {

// A task is about to put out its result again: those that wait for it may be leased. To be called
// while its outputs of before are known.
void EndWaitsFor(Change& change, const std::string& task_key);

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_WORKFLOW_LOST_INPUTS_H_
