#include "server/catalog_location.h"

#include <fstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/partial_file.h"
#include "server/state_folder.h"

namespace alignflow {

absl::StatusOr<std::optional<CatalogLocation>> ReadCatalogLocation(
    const std::filesystem::path& state) {
  const std::filesystem::path path = CatalogLocationFileOf(state);
  std::error_code error;
  if (!std::filesystem::exists(path, error)) return std::nullopt;
  std::ifstream file(path);
  CatalogLocation location;
  std::string url;
  std::getline(file, location.id);
  std::getline(file, url);
  absl::StatusOr<PostgresAddress> address = ParsePostgresUrl(url);
  if (location.id.empty() || !address.ok()) {
    return absl::DataLossError(absl::StrCat(
        path.string(),
        ": does not say where the catalog is; its first line is the catalog's id (SELECT id FROM "
        "catalog_owner), the second the address postgresql://..."));
  }
  location.address = *std::move(address);
  return location;
}

absl::Status WriteCatalogLocation(const std::filesystem::path& state,
                                  const CatalogLocation& location) {
  PartialFile file(CatalogLocationFileOf(state));
  absl::Status status = file.Append(absl::StrCat(location.id, "\n", location.address.url, "\n"));
  return status.ok() ? file.Rename() : status;
}

}  // namespace alignflow
