#include "server/catalog/sqlite_engine.h"

#include <unistd.h>

#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/status_conversion.h"
#include "server/catalog/catalog_errors.h"
#include "server/catalog/catalog_file.h"
#include "server/catalog/migrations.h"
#include "server/catalog/soci.h"

namespace alignflow {
namespace {

absl::Status CheckIntegrity(Sql& sql) {
  std::string verdict;
  sql << "PRAGMA quick_check(1)", soci::into(verdict);
  if (verdict == "ok") return absl::OkStatus();
  return absl::DataLossError(absl::StrCat("catalog: ", verdict));
}

constexpr char kCopy[] = ".before-upgrade-from-";

// Runs body in a transaction of the connection. `failed` says whether the database did.
absl::Status RunTransaction(Sql& sql, const std::function<absl::Status(Sql&)>& body, bool& failed) {
  failed = false;
  try {
    soci::transaction transaction(sql);
    absl::Status status = body(sql);
    if (status.ok()) transaction.commit();
    return status;
  } catch (const std::exception& error) {
    failed = true;
    return FromSqlError(error);
  }
}

absl::Status Execute(Sql& sql, const std::string& statement) {
  try {
    sql << statement;
    return absl::OkStatus();
  } catch (const std::exception& error) {
    return FromSqlError(error);
  }
}

std::vector<std::unique_ptr<Sql>> OpenReaders(const std::filesystem::path& file) {
  std::vector<std::unique_ptr<Sql>> readers;
  for (int i = 0; i < CatalogEngine::kReaders; ++i) {
    readers.push_back(std::make_unique<Sql>("sqlite3", ConnectionOf(file)));
    *readers.back() << "PRAGMA busy_timeout=5000";
    *readers.back() << "PRAGMA query_only=ON";
  }
  return readers;
}

// The copies that CopyBeforeMigration has made.
std::vector<std::filesystem::path> CopiesOf(const std::filesystem::path& file) {
  std::vector<std::filesystem::path> copies;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(file.parent_path(), error)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with(file.filename().string() + kCopy)) copies.push_back(entry.path());
  }
  return copies;
}

// A catalog of an earlier version is copied beside itself before it is changed.
absl::Status CopyBeforeMigration(Sql& sql, const std::filesystem::path& file) {
  const int version = SchemaVersion(sql);
  if (version == 0 || version >= NewestSchemaVersion()) return absl::OkStatus();
  return CopyCatalogFile(file, absl::StrCat(file.string(), kCopy, version));
}

absl::Status Prepare(Sql& sql, const std::filesystem::path& file) {
  sql << "PRAGMA busy_timeout=5000";
  absl::Status status = CheckIntegrity(sql);
  if (!status.ok()) return status;
  sql << "PRAGMA journal_mode=WAL";
  sql << "PRAGMA synchronous=FULL";
  sql << "PRAGMA foreign_keys=ON";
  sql << "PRAGMA secure_delete=ON";  // what is deleted leaves no bytes in the file
  status = CopyBeforeMigration(sql, file);
  if (!status.ok()) return status;
  WritingSql writing(sql);
  return Migrate(writing);
}

absl::Status Explain(const absl::Status& status, const std::filesystem::path& file) {
  if (absl::IsDataLoss(status)) {
    return absl::DataLossError(
        absl::StrCat(file.string(), " is damaged (", std::string(status.message()),
                     "); put a backup in its place, or move the state folder away to begin anew"));
  }
  if (absl::IsInternal(status)) {
    return absl::FailedPreconditionError(
        absl::StrCat(file.string(), ": ", std::string(status.message()),
                     "; make sure that the folder can be written and has space"));
  }
  return Annotate(status, file.string());
}

class SqliteEngine final : public CatalogEngine {
 public:
  SqliteEngine(std::filesystem::path file, std::unique_ptr<Sql> writer,
               std::vector<std::unique_ptr<Sql>> readers)
      : file_(std::move(file)), writer_(std::move(writer)), readers_(std::move(readers)) {}

  absl::Status Write(const Body& body, bool& failed) override {
    return RunTransaction(*writer_, body, failed);
  }
  absl::Status Read(int reader, const Body& body, bool& failed) override {
    return RunTransaction(*readers_[reader], body, failed);
  }
  int readers() const override { return static_cast<int>(readers_.size()); }
  absl::Status Check() override { return absl::OkStatus(); }
  absl::Status ForgetDeleted() override {
    std::error_code error;
    for (const std::filesystem::path& copy : CopiesOf(file_)) std::filesystem::remove(copy, error);
    return Execute(*writer_, "PRAGMA wal_checkpoint(TRUNCATE)");
  }

 private:
  const std::filesystem::path file_;
  const std::unique_ptr<Sql> writer_;
  const std::vector<std::unique_ptr<Sql>> readers_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<CatalogEngine>> OpenSqliteEngine(const std::filesystem::path& file) {
  if (file.string().find('"') != std::string::npos) {
    return absl::InvalidArgumentError(
        absl::StrCat(file.string(), ": the path must not have a double quote in it"));
  }
  if (access(file.c_str(), F_OK) == 0 && access(file.c_str(), R_OK | W_OK) != 0) {
    return absl::FailedPreconditionError(
        absl::StrCat(file.string(), ": no permission to read and write it; run as its owner"));
  }
  try {
    auto sql = std::make_unique<Sql>("sqlite3", ConnectionOf(file));
    absl::Status status = Prepare(*sql, file);
    if (!status.ok()) return Explain(status, file);
    return std::make_unique<SqliteEngine>(file, std::move(sql), OpenReaders(file));
  } catch (const std::exception& error) {
    return Explain(FromSqlError(error), file);
  }
}

}  // namespace alignflow
