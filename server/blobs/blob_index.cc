#include "server/blobs/blob_index.h"

#include <sqlite3.h>

#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace alignflow {
namespace {

constexpr char kSchema[] =
    "CREATE TABLE IF NOT EXISTS blobs (sha256 BLOB PRIMARY KEY, bytes INTEGER NOT NULL,"
    " written INTEGER NOT NULL, doomed INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE INDEX IF NOT EXISTS doomed_blobs ON blobs (sha256) WHERE doomed = 1;"
    "CREATE TABLE IF NOT EXISTS complete (listed INTEGER PRIMARY KEY);";

// A prepared statement, finalized with the object.
class Statement {
 public:
  Statement(sqlite3* sqlite, const char* sql) {
    sqlite3_prepare_v2(sqlite, sql, -1, &statement_, nullptr);
  }
  ~Statement() { sqlite3_finalize(statement_); }
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  sqlite3_stmt* get() const { return statement_; }
  int Step() { return statement_ == nullptr ? SQLITE_ERROR : sqlite3_step(statement_); }
  // Parameters that the statement lacks are left out.
  void Bind(const std::string& digest, int64_t second, int64_t third) {
    sqlite3_reset(statement_);
    sqlite3_bind_blob(statement_, 1, digest.data(), static_cast<int>(digest.size()),
                      SQLITE_TRANSIENT);
    if (sqlite3_bind_parameter_count(statement_) > 1) sqlite3_bind_int64(statement_, 2, second);
    if (sqlite3_bind_parameter_count(statement_) > 2) sqlite3_bind_int64(statement_, 3, third);
  }

 private:
  sqlite3_stmt* statement_ = nullptr;
};

IndexedBlob ReadRow(sqlite3_stmt* row) {
  const auto* digest = static_cast<const char*>(sqlite3_column_blob(row, 0));
  const int size = sqlite3_column_bytes(row, 0);
  return {.sha256 = absl::BytesToHexString({digest, static_cast<size_t>(size)}),
          .bytes = sqlite3_column_int64(row, 1),
          .written = absl::FromUnixMicros(sqlite3_column_int64(row, 2)),
          .doomed = sqlite3_column_int64(row, 3) != 0};
}

std::vector<IndexedBlob> Named(const std::vector<std::string>& blobs) {
  std::vector<IndexedBlob> named;
  named.reserve(blobs.size());
  for (const std::string& blob : blobs) named.push_back({.sha256 = blob});
  return named;
}

}  // namespace

absl::StatusOr<std::unique_ptr<BlobIndex>> BlobIndex::Open(const std::filesystem::path& file) {
  std::unique_ptr<BlobIndex> index(new BlobIndex);
  index->file_ = file;
  absl::MutexLock lock(&index->mutex_);
  if (sqlite3_open(file.c_str(), &index->sqlite_) != SQLITE_OK) return index->Error("open");
  sqlite3_busy_timeout(index->sqlite_, 5000);
  for (const char* sql : {"PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL", kSchema}) {
    absl::Status status = index->Run(sql);
    if (!status.ok()) return status;
  }
  return index;
}

BlobIndex::~BlobIndex() { sqlite3_close(sqlite_); }

absl::Status BlobIndex::Error(const char* doing) const {
  const int code = sqlite3_errcode(sqlite_);
  const std::string text =
      absl::StrCat(file_.string(), ": can't ", doing, ": ", sqlite3_errmsg(sqlite_));
  if (code == SQLITE_FULL) {
    return absl::ResourceExhaustedError(
        absl::StrCat(text, "; free space on the disk of the coordinator's state folder"));
  }
  if (code == SQLITE_CORRUPT || code == SQLITE_NOTADB) {
    return absl::DataLossError(absl::StrCat(
        text,
        "; stop the coordinator and remove this file and those whose names begin like it: it is "
        "made anew from the bucket"));
  }
  return absl::InternalError(text);
}

absl::Status BlobIndex::Run(const char* sql) const {
  if (sqlite3_exec(sqlite_, sql, nullptr, nullptr, nullptr) == SQLITE_OK) return absl::OkStatus();
  return Error("write the index of blobs");
}

absl::StatusOr<std::vector<IndexedBlob>> BlobIndex::Select(const char* sql, const std::string& blob,
                                                           int limit) const {
  absl::MutexLock lock(&mutex_);
  Statement statement(sqlite_, sql);
  statement.Bind(absl::HexStringToBytes(blob), limit, 0);
  std::vector<IndexedBlob> found;
  for (;;) {
    const int step = statement.Step();
    if (step == SQLITE_DONE) return found;
    if (step != SQLITE_ROW) return Error("read the index of blobs");
    found.push_back(ReadRow(statement.get()));
  }
}

absl::Status BlobIndex::RunForEach(const char* sql, const std::vector<IndexedBlob>& blobs) {
  absl::MutexLock lock(&mutex_);
  absl::Status status = Run("BEGIN IMMEDIATE");
  if (!status.ok()) return status;
  {
    Statement statement(sqlite_, sql);
    for (const IndexedBlob& blob : blobs) {
      statement.Bind(absl::HexStringToBytes(blob.sha256), absl::ToUnixMicros(blob.written),
                     blob.bytes);
      if (statement.Step() != SQLITE_DONE) {
        status = Error("write the index of blobs");
        break;
      }
    }
  }
  if (status.ok()) status = Run("COMMIT");
  if (!status.ok()) Run("ROLLBACK").IgnoreError();
  return status;
}

absl::StatusOr<bool> BlobIndex::IsComplete() const {
  absl::MutexLock lock(&mutex_);
  Statement statement(sqlite_, "SELECT 1 FROM complete");
  const int step = statement.Step();
  if (step != SQLITE_ROW && step != SQLITE_DONE) return Error("read the index of blobs");
  return step == SQLITE_ROW;
}

absl::Status BlobIndex::SetComplete() {
  absl::MutexLock lock(&mutex_);
  return Run("INSERT OR IGNORE INTO complete VALUES (1)");
}

absl::StatusOr<std::optional<IndexedBlob>> BlobIndex::Find(const std::string& sha256) const {
  absl::StatusOr<std::vector<IndexedBlob>> found =
      Select("SELECT sha256, bytes, written, doomed FROM blobs WHERE sha256 = ?1 AND doomed = 0",
             sha256, 1);
  if (!found.ok()) return found.status();
  if (found->empty()) return std::nullopt;
  return std::move(found->front());
}

absl::Status BlobIndex::Add(const IndexedBlob& blob) {
  return RunForEach(
      "INSERT INTO blobs (sha256, written, bytes, doomed) VALUES (?1, ?2, ?3, 0) "
      "ON CONFLICT (sha256) DO UPDATE SET written = ?2, bytes = ?3, doomed = 0",
      {blob});
}

absl::Status BlobIndex::AddUnknown(const std::vector<IndexedBlob>& blobs) {
  return RunForEach(
      "INSERT OR IGNORE INTO blobs (sha256, written, bytes, doomed) VALUES (?1, ?2, ?3, 0)", blobs);
}

absl::Status BlobIndex::Doom(const std::vector<std::string>& blobs) {
  return RunForEach("UPDATE blobs SET doomed = 1 WHERE sha256 = ?1", Named(blobs));
}

absl::Status BlobIndex::ForgetDoomed(const std::vector<std::string>& blobs) {
  return RunForEach("DELETE FROM blobs WHERE sha256 = ?1 AND doomed = 1", Named(blobs));
}

absl::Status BlobIndex::Forget(const std::vector<std::string>& blobs, absl::Time time) {
  std::vector<IndexedBlob> named = Named(blobs);
  for (IndexedBlob& blob : named) blob.written = time;
  return RunForEach("DELETE FROM blobs WHERE sha256 = ?1 AND written < ?2", named);
}

absl::StatusOr<std::vector<IndexedBlob>> BlobIndex::After(const std::string& after,
                                                          int limit) const {
  return Select(
      "SELECT sha256, bytes, written, doomed FROM blobs WHERE sha256 > ?1 ORDER BY sha256 LIMIT ?2",
      after, limit);
}

absl::StatusOr<std::vector<IndexedBlob>> BlobIndex::Doomed(int limit) const {
  return Select(
      "SELECT sha256, bytes, written, doomed FROM blobs WHERE doomed = 1 AND sha256 > ?1 "
      "ORDER BY sha256 LIMIT ?2",
      "", limit);
}

}  // namespace alignflow
