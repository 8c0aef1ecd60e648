#include "server/state_move.h"

#include <memory>
#include <optional>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "server/catalog/catalog.h"
#include "server/catalog/catalog_move.h"
#include "server/catalog_location.h"
#include "server/state_folder.h"
#include "server/workflow/random_id.h"

namespace alignflow {
namespace {

absl::Status CheckHasCatalogFile(const std::filesystem::path& state) {
  std::error_code error;
  const auto size = std::filesystem::file_size(state / "catalog.sqlite", error);
  if (!error && size > 0) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("--state-dir ", state.string(),
                   ": has no catalog to move; give a state folder with catalog.sqlite"));
}

}  // namespace

absl::StatusOr<std::map<std::string, int64_t>> MoveCatalog(const std::filesystem::path& state,
                                                           const PostgresAddress& address) {
  absl::Status status = CheckHasCatalogFile(state);
  if (!status.ok()) return status;
  const absl::StatusOr<std::unique_ptr<StateFolder>> folder = StateFolder::Take(state);
  if (!folder.ok()) return folder.status();
  const absl::StatusOr<std::optional<CatalogLocation>> begun = ReadCatalogLocation(state);
  if (!begun.ok()) return begun.status();
  // An earlier version's is brought up to date, and the journal is written into the file.
  absl::StatusOr<std::unique_ptr<Catalog>> catalog = Catalog::Open((*folder)->catalog());
  if (!catalog.ok()) return catalog.status();
  catalog->reset();
  // First where it will be: whatever happens, nobody takes the file for the catalog from now on.
  const CatalogLocation location{.id = *begun ? (*begun)->id : RandomId(16), .address = address};
  status = WriteCatalogLocation(state, location);
  if (!status.ok()) return status;
  std::error_code error;
  absl::StatusOr<std::map<std::string, int64_t>> rows =
      CopyCatalogToPostgres((*folder)->catalog(), address, location.id);
  if (!rows.ok()) {
    if (!*begun) std::filesystem::remove(CatalogLocationFileOf(state), error);
    return rows;
  }
  std::filesystem::rename((*folder)->catalog(), (*folder)->catalog().string() + ".moved", error);
  if (error) {
    return absl::FailedPreconditionError(
        absl::StrCat((*folder)->catalog().string(), ": ", error.message(), "; remove it by hand"));
  }
  return rows;
}

}  // namespace alignflow
