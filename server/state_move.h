#ifndef ALIGNFLOW_SERVER_STATE_MOVE_H_
#define ALIGNFLOW_SERVER_STATE_MOVE_H_

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "server/catalog/postgres_address.h"

namespace alignflow {

// Moves a state folder's catalog from its file to an empty database. The folder's coordinator must
// be stopped; its file stays as catalog.sqlite.moved. After a kill, calling it again does what is
// left. Returns the number of rows by table; none if they had been moved before. Errors as
// CopyCatalogToPostgres's; FailedPrecondition for a folder whose coordinator is at work or that has
// no catalog of its own.
absl::StatusOr<std::map<std::string, int64_t>> MoveCatalog(const std::filesystem::path& state,
                                                           const PostgresAddress& address);

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_STATE_MOVE_H_
