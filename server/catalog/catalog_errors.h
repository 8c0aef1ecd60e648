#ifndef ALIGNFLOW_SERVER_CATALOG_CATALOG_ERRORS_H_
#define ALIGNFLOW_SERVER_CATALOG_CATALOG_ERRORS_H_

#include <exception>
#include <filesystem>
#include <string>
#include <string_view>

#include "absl/status/status.h"

// For the catalog's own files.
namespace alignflow {

// What went wrong, without the statement's values, which may be a user's: ResourceExhausted (disk
// full), DataLoss (damaged file), FailedPrecondition (can't be opened or written), Unavailable (the
// database server does not answer, or could not go on) or Internal.
absl::Status FromSqlError(const std::exception& error);

// The same of PostgreSQL's: an SQLSTATE, empty where the connection was lost, and libpq's message.
absl::Status FromPostgresError(std::string_view sql_state, std::string_view message);

// What SOCI opens a file by.
std::string ConnectionOf(const std::filesystem::path& file);

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_CATALOG_CATALOG_ERRORS_H_
