#include "server/catalog/catalog_errors.h"

#include "absl/strings/str_cat.h"
#include "server/catalog/soci.h"

namespace alignflow {

absl::Status FromSqlError(const std::exception& error) {
  const auto* soci = dynamic_cast<const soci::soci_error*>(&error);
  const auto* sqlite = dynamic_cast<const soci::sqlite3_soci_error*>(&error);
  // what() would also tell the statement's values, which may be a user's.
  const std::string what =
      absl::StrCat("catalog: ", soci == nullptr ? error.what() : soci->get_error_message());
  // The extended codes carry the primary one in their low byte.
  switch (sqlite == nullptr ? 0 : sqlite->result() & 0xff) {
    case SQLITE_FULL:
      return absl::ResourceExhaustedError(
          absl::StrCat(what, "; free space on the disk of the state folder and try again"));
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return absl::DataLossError(what);
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
      return absl::FailedPreconditionError(what);
    default:
      return absl::InternalError(what);
  }
}

std::string ConnectionOf(const std::filesystem::path& file) {
  return absl::StrCat("db=\"", file.string(), "\"");
}

}  // namespace alignflow
