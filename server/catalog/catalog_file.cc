#include "server/catalog/catalog_file.h"

#include <system_error>

#include "absl/strings/str_cat.h"
#include "common/status_conversion.h"
#include "server/catalog/catalog_errors.h"
#include "server/catalog/migrations.h"
#include "server/catalog/results.h"
#include "server/catalog/soci.h"

namespace alignflow {
namespace {

// Runs `body` on a connection that can't write.
absl::Status Look(const std::filesystem::path& file,
                  const std::function<absl::Status(Sql&)>& body) {
  try {
    Sql sql("sqlite3", ConnectionOf(file));
    sql << "PRAGMA busy_timeout=5000";
    sql << "PRAGMA query_only=ON";
    return body(sql);
  } catch (const std::exception& error) {
    return Annotate(FromSqlError(error), file.string());
  }
}

absl::Status CheckVersion(Sql& sql, const std::filesystem::path& file) {
  int version = 0;
  sql << "SELECT COALESCE(MAX(version), 0) FROM schema_version", soci::into(version);
  if (version != NewestSchemaVersion()) {
    return absl::FailedPreconditionError(
        absl::StrCat(file.string(),
                     ": was written by another version of AlignFlow; start its "
                     "coordinator of this version once, or use that version"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CopyCatalogFile(const std::filesystem::path& from, const std::filesystem::path& to) {
  std::filesystem::path unfinished = to;
  unfinished += ".new";
  std::error_code error;
  std::filesystem::remove(unfinished, error);
  absl::Status status = Look(from, [&](Sql& sql) {
    sql << "PRAGMA query_only=OFF";  // which would also forbid the other file
    const std::string name = unfinished.string();
    sql << "VACUUM INTO :file", soci::use(name);
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  std::filesystem::permissions(
      unfinished, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write, error);
  std::filesystem::rename(unfinished, to, error);
  if (!error) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(to.string(), ": ", error.message()));
}

absl::StatusOr<std::set<std::string>> BlobsOfCatalogFile(const std::filesystem::path& file) {
  std::set<std::string> blobs;
  absl::Status status = Look(file, [&](Sql& sql) -> absl::Status {
    absl::Status current = CheckVersion(sql, file);
    if (!current.ok()) return current;
    ReferenceCursor cursor;
    while (VisitReferences(sql, kReferenceRows, cursor,
                           [&](const std::string& blob) { blobs.insert(blob); })) {
    }
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  return blobs;
}

absl::StatusOr<std::vector<std::string>> CheckCatalogFile(const std::filesystem::path& file) {
  std::vector<std::string> problems;
  absl::Status status = Look(file, [&](Sql& sql) {
    std::string verdict;
    soci::statement check = (sql.prepare << "PRAGMA integrity_check(20)", soci::into(verdict));
    check.execute();
    while (check.fetch()) {
      if (verdict != "ok") problems.push_back(verdict);
    }
    std::string table;
    soci::statement foreign =
        (sql.prepare << "SELECT \"table\" FROM pragma_foreign_key_check LIMIT 20",
         soci::into(table));
    foreign.execute();
    while (foreign.fetch()) {
      problems.push_back(absl::StrCat("a row of ", table, " refers to one that is not there"));
    }
    return absl::OkStatus();
  });
  if (absl::IsDataLoss(status)) return std::vector<std::string>{std::string(status.message())};
  if (!status.ok()) return status;
  return problems;
}

absl::Status ChangeCatalogFile(const std::filesystem::path& file,
                               const std::function<absl::Status(WritingSql&)>& body) {
  try {
    Sql sql("sqlite3", ConnectionOf(file));
    sql << "PRAGMA busy_timeout=5000";
    sql << "PRAGMA foreign_keys=ON";
    absl::Status status = CheckVersion(sql, file);
    if (!status.ok()) return status;
    // At once as a writer: one that reads first may find that it can't write any more.
    sql << "BEGIN IMMEDIATE";
    WritingSql writing(sql);
    status = body(writing);
    if (status.ok()) {
      sql << "COMMIT";
    } else {
      sql << "ROLLBACK";
    }
    return status;
  } catch (const std::exception& error) {
    return Annotate(FromSqlError(error), file.string());
  }
}

}  // namespace alignflow
