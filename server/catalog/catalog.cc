#include "server/catalog/catalog.h"

#include <unistd.h>

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/status_conversion.h"
#include "server/catalog/migrations.h"
#include "server/catalog/soci.h"

namespace alignflow {
namespace {

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

std::string Quoted(const std::filesystem::path& file) {
  return absl::StrCat("db=\"", file.string(), "\"");
}

absl::Status CheckIntegrity(Sql& sql) {
  std::string verdict;
  sql << "PRAGMA quick_check(1)", soci::into(verdict);
  if (verdict == "ok") return absl::OkStatus();
  return absl::DataLossError(absl::StrCat("catalog: ", verdict));
}

// Reads are short and share the processor: more connections would not make them faster.
constexpr int kReaders = 4;

// Runs body in a transaction of the connection.
absl::Status RunTransaction(Sql& sql, const std::function<absl::Status(Sql&)>& body) {
  try {
    soci::transaction transaction(sql);
    absl::Status status = body(sql);
    if (status.ok()) transaction.commit();
    return status;
  } catch (const std::exception& error) {
    return FromSqlError(error);
  }
}

std::vector<std::unique_ptr<Sql>> OpenReaders(const std::filesystem::path& file) {
  std::vector<std::unique_ptr<Sql>> readers;
  for (int i = 0; i < kReaders; ++i) {
    readers.push_back(std::make_unique<Sql>("sqlite3", Quoted(file)));
    *readers.back() << "PRAGMA busy_timeout=5000";
    *readers.back() << "PRAGMA query_only=ON";
  }
  return readers;
}

absl::Status Prepare(Sql& sql) {
  sql << "PRAGMA busy_timeout=5000";
  absl::Status status = CheckIntegrity(sql);
  if (!status.ok()) return status;
  sql << "PRAGMA journal_mode=WAL";
  sql << "PRAGMA synchronous=FULL";
  sql << "PRAGMA foreign_keys=ON";
  return Migrate(sql);
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

}  // namespace

Catalog::Catalog(std::unique_ptr<Sql> writer, std::vector<std::unique_ptr<Sql>> readers)
    : writer_(std::move(writer)), readers_(std::move(readers)) {
  for (const auto& reader : readers_) free_readers_.push_back(reader.get());
}
Catalog::~Catalog() = default;

absl::StatusOr<std::unique_ptr<Catalog>> Catalog::Open(const std::filesystem::path& file) {
  if (file.string().find('"') != std::string::npos) {
    return absl::InvalidArgumentError(
        absl::StrCat(file.string(), ": the path must not have a double quote in it"));
  }
  if (access(file.c_str(), F_OK) == 0 && access(file.c_str(), R_OK | W_OK) != 0) {
    return absl::FailedPreconditionError(
        absl::StrCat(file.string(), ": no permission to read and write it; run as its owner"));
  }
  try {
    auto sql = std::make_unique<Sql>("sqlite3", Quoted(file));
    absl::Status status = Prepare(*sql);
    if (!status.ok()) return Explain(status, file);
    return std::unique_ptr<Catalog>(new Catalog(std::move(sql), OpenReaders(file)));
  } catch (const std::exception& error) {
    return Explain(FromSqlError(error), file);
  }
}

absl::Status Catalog::Transact(const std::function<absl::Status(Sql&)>& body,
                               const std::function<void()>& committed) {
  absl::MutexLock lock(&write_mutex_);
  absl::Status status = RunTransaction(*writer_, body);
  if (status.ok()) committed();
  return status;
}

absl::Status Catalog::Read(const std::function<absl::Status(Sql&)>& body) {
  Sql* reader = nullptr;
  {
    absl::MutexLock lock(&read_mutex_);
    const auto any_free = [this] { return !free_readers_.empty(); };
    read_mutex_.Await(absl::Condition(&any_free));
    reader = free_readers_.back();
    free_readers_.pop_back();
  }
  absl::Status status = RunTransaction(*reader, body);
  absl::MutexLock lock(&read_mutex_);
  free_readers_.push_back(reader);
  return status;
}

}  // namespace alignflow
