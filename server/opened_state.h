#ifndef ALIGNFLOW_SERVER_OPENED_STATE_H_
#define ALIGNFLOW_SERVER_OPENED_STATE_H_

#include <filesystem>
#include <functional>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/catalog/catalog.h"
#include "server/catalog/postgres_address.h"
#include "server/state_folder.h"

namespace alignflow {

// A state folder that this process has taken, and its catalog. The catalog is let go first.
struct OpenedState {
  std::unique_ptr<StateFolder> folder;
  std::unique_ptr<Catalog> catalog;
};

// With the catalog in the folder's file. Errors as StateFolder::Take's and Catalog::Open's;
// FailedPrecondition if the folder's catalog is in a database.
absl::StatusOr<OpenedState> OpenState(const std::filesystem::path& state);

// With the catalog in a database, which may be the one that the folder's has been in or, for a
// folder without one, a new one. Errors as OpenPostgresCatalog's; FailedPrecondition if the folder
// has a catalog of its own. `stand_by` as CoordinatorOptions.
absl::StatusOr<OpenedState> OpenState(const std::filesystem::path& state,
                                      const PostgresAddress& database,
                                      const std::function<bool(const absl::Status&)>& stand_by);

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_OPENED_STATE_H_
