#ifndef ALIGNFLOW_SERVER_CATALOG_CATALOG_FILE_H_
#define ALIGNFLOW_SERVER_CATALOG_CATALOG_FILE_H_

#include <filesystem>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/catalog/catalog.h"

// What can be done with a catalog's file without being its coordinator, which may be at work.
// Nothing but ChangeCatalogFile changes the file.
namespace alignflow {

// Writes the catalog, as it is at one moment, to another file, which appears whole and replaces
// what was there. ResourceExhausted for a full disk; DataLoss for a damaged file.
absl::Status CopyCatalogFile(const std::filesystem::path& from, const std::filesystem::path& to);

// The digests of all blobs that it refers to. FailedPrecondition if another AlignFlow wrote it,
// older or newer: the coordinator of this one has to open it once.
absl::StatusOr<std::set<std::string>> BlobsOfCatalogFile(const std::filesystem::path& file);

// What SQLite finds wrong with it: pages, indices, references between tables. None if all is well.
absl::StatusOr<std::vector<std::string>> CheckCatalogFile(const std::filesystem::path& file);

// Runs `body` in a transaction of its own beside the coordinator's: for rows that it reads again
// and again. FailedPrecondition as above.
absl::Status ChangeCatalogFile(const std::filesystem::path& file,
                               const std::function<absl::Status(WritingSql&)>& body);

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_CATALOG_CATALOG_FILE_H_
