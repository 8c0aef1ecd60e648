#include "server/state_folder_change.h"

#include <memory>
#include <optional>

#include "absl/status/statusor.h"
#include "server/catalog/catalog_file.h"
#include "server/catalog/postgres_engine.h"
#include "server/catalog_location.h"
#include "server/state_folder.h"

namespace alignflow {

absl::Status ChangeStateFolder(const std::filesystem::path& state,
                               const std::function<absl::Status(WritingSql&)>& change) {
  const absl::StatusOr<std::optional<CatalogLocation>> location = ReadCatalogLocation(state);
  if (!location.ok()) return location.status();
  if (*location) return ChangePostgresCatalog((*location)->address, change);
  const absl::StatusOr<std::unique_ptr<StateFolder>> taken = StateFolder::Take(state);
  const std::filesystem::path file = state / "catalog.sqlite";
  if (!taken.ok()) {
    return std::filesystem::exists(file) ? ChangeCatalogFile(file, change) : taken.status();
  }
  const absl::StatusOr<std::unique_ptr<Catalog>> catalog = Catalog::Open((*taken)->catalog());
  if (!catalog.ok()) return catalog.status();
  return (*catalog)->Transact(change);
}

}  // namespace alignflow
