#include "server/catalog/catalog_move.h"

#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/digest.h"
#include "common/status_conversion.h"
#include "server/catalog/catalog_errors.h"
#include "server/catalog/migrations.h"
#include "server/catalog/postgres_connection.h"
#include "server/catalog/postgres_engine.h"
#include "server/catalog/soci.h"

namespace alignflow {
namespace {

struct Table {
  std::string name;
  std::vector<std::string> columns;
  std::vector<std::string> key;  // the primary one's columns
};

// Those of the catalog, each behind those that it refers to.
std::vector<Table> TablesOf(Sql& sql) {
  std::vector<Table> tables;
  std::string name;
  soci::statement names = (sql.prepare << "SELECT name FROM sqlite_master WHERE type = 'table' AND "
                                          "name NOT LIKE 'sqlite_%' AND name <> 'schema_version' "
                                          "ORDER BY rowid",
                           soci::into(name));
  names.execute();
  while (names.fetch()) tables.push_back({.name = name, .columns = {}, .key = {}});
  for (Table& table : tables) {
    std::string column;
    int place_in_key = 0;
    soci::statement columns =
        (sql.prepare << "SELECT name, pk FROM pragma_table_info('" << table.name << "')",
         soci::into(column), soci::into(place_in_key));
    columns.execute();
    while (columns.fetch()) {
      table.columns.push_back(column);
      if (place_in_key == 0) continue;
      if (table.key.size() < static_cast<size_t>(place_in_key)) table.key.resize(place_in_key);
      table.key[place_in_key - 1] = column;
    }
  }
  return tables;
}

// As COPY's text format has it.
void AppendField(const std::string& text, std::string& line) {
  for (const char c : text) {
    switch (c) {
      case '\b':
        line += "\\b";
        break;
      case '\f':
        line += "\\f";
        break;
      case '\n':
        line += "\\n";
        break;
      case '\r':
        line += "\\r";
        break;
      case '\t':
        line += "\\t";
        break;
      case '\v':
        line += "\\v";
        break;
      case '\\':
        line += "\\\\";
        break;
      default:
        line += c;
    }
  }
}

// Visits the table's rows in the order of its key, as lines of COPY's text format.
absl::Status VisitLines(Sql& sql, const Table& table,
                        const std::function<absl::Status(const std::string&)>& visit) {
  std::vector<std::string> values(table.columns.size());
  std::vector<soci::indicator> present(table.columns.size());
  soci::statement select(sql);
  for (size_t i = 0; i < values.size(); ++i) select.exchange(soci::into(values[i], present[i]));
  select.alloc();
  select.prepare(absl::StrCat("SELECT ",
                              absl::StrJoin(table.columns, ", ",
                                            [](std::string* out, const std::string& column) {
                                              absl::StrAppend(out, "CAST(", column, " AS TEXT)");
                                            }),
                              " FROM ", table.name, " ORDER BY ", absl::StrJoin(table.key, ", ")));
  select.define_and_bind();
  select.execute();
  std::string line;
  while (select.fetch()) {
    line.clear();
    for (size_t i = 0; i < values.size(); ++i) {
      if (i > 0) line += '\t';
      if (present[i] == soci::i_null) {
        line += "\\N";
      } else {
        AppendField(values[i], line);
      }
    }
    line += '\n';
    absl::Status status = visit(line);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status ErrorOf(PGconn* handle, const PGresult* result) {
  const char* state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
  absl::Status status = FromPostgresError(state == nullptr ? "" : state, PQerrorMessage(handle));
  if (state == nullptr || std::string_view(state).substr(0, 2) != "22") return status;
  return absl::InvalidArgumentError(
      absl::StrCat(std::string(status.message()),
                   "; a row holds text that PostgreSQL can't keep: bytes that "
                   "are no UTF-8, or a zero byte"));
}

using Result = std::unique_ptr<PGresult, decltype(&PQclear)>;

// Ends a COPY. Returns its error, if it had any.
absl::Status EndCopy(PGconn* handle) {
  absl::Status status;
  for (;;) {
    const Result result(PQgetResult(handle), PQclear);
    if (result == nullptr) return status;
    if (PQresultStatus(result.get()) != PGRES_COMMAND_OK) status = ErrorOf(handle, result.get());
  }
}

struct Copied {
  int64_t rows = 0;
  std::string digest;  // of all lines
};

absl::StatusOr<Copied> CopyIn(Sql& from, PostgresConnection& to, const Table& table) {
  const std::string columns = absl::StrJoin(table.columns, ", ");
  absl::Status status = to.Execute(absl::StrCat("ALTER TABLE ", table.name,
                                                " DISABLE TRIGGER USER; DELETE FROM ", table.name))
                            .status();
  if (!status.ok()) return status;
  PGconn* handle = to.handle();
  const Result begun(
      PQexec(handle, absl::StrCat("COPY ", table.name, " (", columns, ") FROM STDIN").c_str()),
      PQclear);
  if (PQresultStatus(begun.get()) != PGRES_COPY_IN) return ErrorOf(handle, begun.get());
  Copied copied;
  Sha256 hash;
  status = VisitLines(from, table, [&](const std::string& line) {
    ++copied.rows;
    hash.Update(line);
    if (PQputCopyData(handle, line.data(), static_cast<int>(line.size())) == 1) {
      return absl::OkStatus();
    }
    return FromPostgresError("", PQerrorMessage(handle));
  });
  if (PQputCopyEnd(handle, status.ok() ? nullptr : "stopped") != 1 && status.ok()) {
    status = FromPostgresError("", PQerrorMessage(handle));
  }
  absl::Status ended = EndCopy(handle);
  if (!status.ok()) return status;
  if (!ended.ok()) return ended;
  status = to.Execute(absl::StrCat("ALTER TABLE ", table.name, " ENABLE TRIGGER USER")).status();
  if (!status.ok()) return status;
  copied.digest = hash.Finish();
  return copied;
}

absl::StatusOr<Copied> ReadBack(PostgresConnection& from, const Table& table) {
  PGconn* handle = from.handle();
  const Result begun(
      PQexec(handle,
             absl::StrCat("COPY (SELECT ", absl::StrJoin(table.columns, ", "), " FROM ", table.name,
                          " ORDER BY ", absl::StrJoin(table.key, ", "), ") TO STDOUT")
                 .c_str()),
      PQclear);
  if (PQresultStatus(begun.get()) != PGRES_COPY_OUT) return ErrorOf(handle, begun.get());
  Copied copied;
  Sha256 hash;
  for (;;) {
    char* line = nullptr;
    const int bytes = PQgetCopyData(handle, &line, 0);
    if (bytes < 0) break;
    const std::unique_ptr<char, decltype(&PQfreemem)> freed(line, PQfreemem);
    ++copied.rows;
    hash.Update(std::string_view(line, bytes));
  }
  absl::Status ended = EndCopy(handle);
  if (!ended.ok()) return ended;
  copied.digest = hash.Finish();
  return copied;
}

// Whether it is the catalog with this id; FailedPrecondition if it is any other.
absl::StatusOr<bool> WasCopied(PostgresConnection& connection, const std::string& id) {
  const absl::StatusOr<std::string> there = connection.Execute("SELECT id FROM catalog_owner");
  if (!there.ok()) return there.status();
  if (*there == id) return true;
  const absl::StatusOr<std::string> used = connection.Execute(
      "SELECT EXISTS (SELECT FROM datasets) OR EXISTS (SELECT FROM jobs) OR EXISTS (SELECT FROM "
      "access_keys) OR EXISTS (SELECT FROM tasks) OR EXISTS (SELECT FROM catalog_owner WHERE epoch "
      "> 0)");
  if (!used.ok()) return used.status();
  if (there->empty() && *used == "f") return false;
  return absl::FailedPreconditionError(
      "the database has a catalog already; give an empty database (CREATE DATABASE)");
}

absl::StatusOr<std::map<std::string, int64_t>> CopyTables(Sql& from, PostgresConnection& to) {
  std::map<std::string, int64_t> rows;
  for (const Table& table : TablesOf(from)) {
    const absl::StatusOr<Copied> copied = CopyIn(from, to, table);
    if (!copied.ok()) return Annotate(copied.status(), absl::StrCat("table ", table.name));
    const absl::StatusOr<Copied> there = ReadBack(to, table);
    if (!there.ok()) return Annotate(there.status(), absl::StrCat("table ", table.name));
    if (there->rows != copied->rows || there->digest != copied->digest) {
      return absl::DataLossError(absl::StrCat("table ", table.name, ": ", copied->rows,
                                              " rows were put in and ", there->rows,
                                              " with other content came out; nothing was moved"));
    }
    rows[table.name] = copied->rows;
  }
  return rows;
}

absl::StatusOr<std::map<std::string, int64_t>> Copy(Sql& from, PostgresConnection& to,
                                                    const std::string& id) {
  WritingSql writing(to.sql());
  absl::Status status = Migrate(writing);
  if (!status.ok()) return status;
  const absl::StatusOr<bool> done = WasCopied(to, id);
  if (!done.ok()) return done.status();
  if (*done) return std::map<std::string, int64_t>();
  status = to.Execute("BEGIN; SET LOCAL statement_timeout = 0").status();
  if (!status.ok()) return status;
  absl::StatusOr<std::map<std::string, int64_t>> rows = CopyTables(from, to);
  if (!rows.ok()) return rows;
  status = to.Execute(absl::StrCat("UPDATE catalog_owner SET id = '", id, "'; COMMIT")).status();
  if (!status.ok()) return status;
  (void)to.Execute("SET statement_timeout = 0; ANALYZE");
  return rows;
}

}  // namespace

absl::StatusOr<std::map<std::string, int64_t>> CopyCatalogToPostgres(
    const std::filesystem::path& file, const PostgresAddress& address, const std::string& id) {
  PostgresConnection to(address, HoldCoordinatorLock);
  absl::Status status = to.Ready();
  if (!status.ok()) return Annotate(status, absl::StrCat("--catalog ", address.shown));
  try {
    Sql from("sqlite3", ConnectionOf(file));
    if (SchemaVersion(from) != NewestSchemaVersion()) {
      return absl::FailedPreconditionError(
          absl::StrCat(file.string(), ": was written by another version of AlignFlow"));
    }
    absl::StatusOr<std::map<std::string, int64_t>> rows = Copy(from, to, id);
    if (!rows.ok()) return Annotate(rows.status(), absl::StrCat("--catalog ", address.shown));
    return rows;
  } catch (const std::exception& error) {
    return FromSqlError(error);
  }
}

}  // namespace alignflow
