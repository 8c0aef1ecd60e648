#ifndef ALIGNFLOW_SERVER_SERVICES_NEXT_PAIRS_H_
#define ALIGNFLOW_SERVER_SERVICES_NEXT_PAIRS_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "server/catalog/catalog.h"
#include "server/catalog/records.h"

namespace alignflow {

// What StreamPairs can send next.
struct NextPairs {
  JobRecord job;
  // From the index asked for to the end of its shard; none if they are not there.
  std::vector<PairRecord> pairs;
  // Why there will be none, if so: a finished job's pairs are there or they are not.
  absl::Status end;
};

// The pairs from `next` on, at most a shard of them. Within CatalogReader::Read only. NotFound.
absl::Status FindPairs(Sql& sql, const std::string& tenant, const std::string& job, int64_t next,
                       NextPairs& found);

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_SERVICES_NEXT_PAIRS_H_
