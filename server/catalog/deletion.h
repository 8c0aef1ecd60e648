#ifndef ALIGNFLOW_SERVER_CATALOG_DELETION_H_
#define ALIGNFLOW_SERVER_CATALOG_DELETION_H_

#include <string>

#include "server/catalog/catalog.h"

// How jobs are deleted with all that is theirs alone. Within Catalog::Transact only.
namespace alignflow {

// Deletes the job with its references. Its tasks are left to SweepTasks, because there may be very
// many.
void DeleteJob(WritingSql& sql, const std::string& id);

// Deletes up to `limit` of the tasks that deleted jobs have left, with their outputs, pairs,
// checkpoints and models, unless another job has them.
void SweepTasks(WritingSql& sql, int limit);
// Whether there are any. Reads only.
bool TasksAreLeft(Sql& sql);

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_CATALOG_DELETION_H_
