#ifndef ALIGNFLOW_SERVER_CATALOG_CATALOG_ERRORS_H_
#define ALIGNFLOW_SERVER_CATALOG_CATALOG_ERRORS_H_

#include <exception>
#include <filesystem>
#include <string>

#include "absl/status/status.h"

// For the catalog's own files.
namespace alignflow {

// What went wrong, without the statement's values, which may be a user's: ResourceExhausted (disk
// full), DataLoss (damaged file), FailedPrecondition (can't be opened or written) or Internal.
absl::Status FromSqlError(const std::exception& error);

// What SOCI opens a file by.
std::string ConnectionOf(const std::filesystem::path& file);

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_CATALOG_CATALOG_ERRORS_H_
