#ifndef ALIGNFLOW_SERVER_CATALOG_RETENTION_H_
#define ALIGNFLOW_SERVER_CATALOG_RETENTION_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "server/catalog/catalog.h"

// How long jobs are kept after their end.
namespace alignflow {

// For jobs whose source is the dataset, in the place of the coordinator's time: an age, for ever if
// it is infinite; nothing takes it back. Returns whether there is such a dataset.
bool SetRetention(WritingSql& sql, const std::string& dataset, std::optional<absl::Duration> age);

// Jobs that ended longer ago than they are kept, up to `limit`: as long as their source says, or
// else for `age`. What it costs grows with the number of sources, not with the jobs that are kept.
std::vector<std::string> JobsPastRetention(Sql& sql, absl::Duration age, absl::Time now, int limit);

// How an age lies in the column of datasets: microseconds, -1 for the coordinator's.
int64_t RetentionColumn(std::optional<absl::Duration> age);
std::optional<absl::Duration> RetentionOf(int64_t column);

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_CATALOG_RETENTION_H_
