#ifndef ALIGNFLOW_SERVER_CATALOG_DATASETS_H_
#define ALIGNFLOW_SERVER_CATALOG_DATASETS_H_

#include <optional>
#include <string>
#include <vector>

#include "server/catalog/catalog.h"
#include "server/catalog/records.h"

// The table of datasets. Within Catalog::Transact only.
namespace alignflow {

// The id must be free. Sets record.sequence.
void InsertDataset(WritingSql& sql, DatasetRecord& record, const std::vector<DatasetBlobs>& items);
std::optional<DatasetRecord> FindDataset(Sql& sql, const std::string& id);
// The tenant's newest with this content.
std::optional<DatasetRecord> FindDatasetOfDigest(Sql& sql, const std::string& tenant,
                                                 const std::string& digest);
// In the order in which they were registered.
std::vector<DatasetBlobs> ItemsOfDataset(Sql& sql, const std::string& id);
// The tenant's, newest first, those with a sequence below `before`.
std::vector<DatasetRecord> ListDatasets(Sql& sql, const std::string& tenant, int64_t before,
                                        int limit);
// With the results of the tasks that prepared and described it, unless another dataset of the
// tenant has the same content, or another tenant shares them: they hold its images.
void DeleteDataset(WritingSql& sql, const std::string& id);
// The oldest unfinished job that has the dataset as source or target, or its masks.
std::optional<std::string> UnfinishedJobWithDataset(Sql& sql, const std::string& id);

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_CATALOG_DATASETS_H_
