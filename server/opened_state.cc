#include "server/opened_state.h"

#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/catalog/postgres_engine.h"
#include "server/catalog_location.h"
#include "server/workflow/random_id.h"

namespace alignflow {
namespace {

// Whether the folder's own file has a catalog.
bool HasCatalogFile(const std::filesystem::path& state) {
  std::error_code error;
  const auto size = std::filesystem::file_size(state / "catalog.sqlite", error);
  return !error && size > 0;
}

}  // namespace

absl::StatusOr<OpenedState> OpenState(const std::filesystem::path& state) {
  absl::StatusOr<std::unique_ptr<StateFolder>> folder = StateFolder::Take(state);
  if (!folder.ok()) return folder.status();
  const absl::StatusOr<std::optional<CatalogLocation>> location = ReadCatalogLocation(state);
  if (!location.ok()) return location.status();
  if (*location) {
    return absl::FailedPreconditionError(
        absl::StrCat("--state-dir ", state.string(), ": its catalog is in a database; give ",
                     "--catalog '", (*location)->address.url, "'"));
  }
  absl::StatusOr<std::unique_ptr<Catalog>> catalog = Catalog::Open((*folder)->catalog());
  if (!catalog.ok()) return catalog.status();
  return OpenedState{*std::move(folder), *std::move(catalog)};
}

absl::StatusOr<OpenedState> OpenState(const std::filesystem::path& state,
                                      const PostgresAddress& database,
                                      const std::function<bool(const absl::Status&)>& stand_by) {
  absl::StatusOr<std::optional<CatalogLocation>> location = ReadCatalogLocation(state);
  if (!location.ok()) return location.status();
  if (!*location && HasCatalogFile(state)) {
    return absl::FailedPreconditionError(
        absl::StrCat("--state-dir ", state.string(),
                     ": has a catalog of its own; move it with `alignflow-coordinator "
                     "migrate-state --state-dir ",
                     state.string(), " --catalog '", database.url, "'`, or give an empty folder"));
  }
  // Who has the database, which is given to one after the other, may work on the folder.
  const PostgresCatalogOptions options{
      .id = *location ? (*location)->id : "", .new_id = RandomId(16), .wait = stand_by};
  absl::StatusOr<std::unique_ptr<Catalog>> catalog = OpenPostgresCatalog(database, options);
  if (!catalog.ok()) return catalog.status();
  // One that was cut off from the database may still have the folder, and can do nothing with it.
  absl::StatusOr<std::unique_ptr<StateFolder>> folder =
      StateFolder::Take(state, StateFolder::Sharing::kShared);
  if (!folder.ok()) return folder.status();
  const std::string id = *location ? (*location)->id : options.new_id;
  absl::Status status = WriteCatalogLocation(state, {.id = id, .address = database});
  if (!status.ok()) return status;
  return OpenedState{*std::move(folder), *std::move(catalog)};
}

}  // namespace alignflow
