#ifndef ALIGNFLOW_SERVER_CATALOG_OWNED_BLOBS_H_
#define ALIGNFLOW_SERVER_CATALOG_OWNED_BLOBS_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "server/catalog/catalog.h"

// Which blobs each dataset and job has, in steps: each call is short, and may be a transaction of
// its own. Within CatalogReader::Read.
namespace alignflow {

struct OwnedBlob {
  std::string_view part;  // as v1::SpacePart.name; lives for ever
  std::string blob;       // its digest
};

// The tenant's ids behind `after`, in their order; of all tenants if it is empty.
std::vector<std::string> DatasetsAfter(Sql& sql, const std::string& tenant,
                                       const std::string& after, int limit);
std::vector<std::string> JobsAfter(Sql& sql, const std::string& tenant, const std::string& after,
                                   int limit);

// Adds what the dataset's next `items` items have, at first its manifest as well. Returns whether
// there are more.
struct DatasetCursor {
  int64_t ordinal = -1;
};
bool AddBlobsOfDataset(Sql& sql, const std::string& id, int items, DatasetCursor& cursor,
                       std::vector<OwnedBlob>& blobs);

// Adds what the job's next `tasks` tasks have but those that only prepare a dataset, at first the
// job's references as well. Returns whether there are more.
struct JobCursor {
  std::string stage;
  int64_t ordinal = -1;
};
bool AddBlobsOfJob(Sql& sql, const std::string& id, int tasks, JobCursor& cursor,
                   std::vector<OwnedBlob>& blobs);

// A task that prepares a dataset or describes what was prepared.
struct PreparingTask {
  int64_t row = 0;
  std::vector<std::string> inputs, outputs;  // digests
};
// Those of the kind behind the row that jobs of the tenant have, or any if it is empty, in the
// order of their rows.
std::vector<PreparingTask> PreparingTasksAfter(Sql& sql, const std::string& tenant,
                                               const std::string& kind, int64_t row, int limit);

// The digest of the dataset's manifest; empty if there is no such dataset.
std::string DigestOfDataset(Sql& sql, const std::string& id);

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_CATALOG_OWNED_BLOBS_H_
