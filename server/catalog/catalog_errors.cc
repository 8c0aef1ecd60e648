#include "server/catalog/catalog_errors.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "server/catalog/soci.h"

namespace alignflow {
namespace {

struct StateMeaning {
  std::string_view prefix;  // of an SQLSTATE; the first that fits counts
  absl::StatusCode code;
  std::string_view remedy;
};
constexpr StateMeaning kMeanings[] = {
    {"08", absl::StatusCode::kUnavailable, "try again in a moment"},
    {"25006", absl::StatusCode::kUnavailable,
     "the server takes no changes: it is a replica, or was made read-only"},
    {"28", absl::StatusCode::kFailedPrecondition,
     "the server does not let this user in: look at its pg_hba.conf and the password file"},
    {"40", absl::StatusCode::kUnavailable, "try again in a moment"},
    {"42501", absl::StatusCode::kFailedPrecondition,
     "the user lacks rights; make it the owner of the database"},
    {"53100", absl::StatusCode::kResourceExhausted,
     "free space on the disk of the database server and try again"},
    {"53", absl::StatusCode::kUnavailable, "the database server has no more to give"},
    {"55P03", absl::StatusCode::kUnavailable, "try again in a moment"},
    {"57", absl::StatusCode::kUnavailable, "try again in a moment"},
    {"58", absl::StatusCode::kUnavailable, "the database server's disk or system fails"},
    {"XX001", absl::StatusCode::kDataLoss, "restore the database from a backup"},
    {"XX002", absl::StatusCode::kDataLoss, "restore the database from a backup"},
};

}  // namespace

absl::Status FromPostgresError(std::string_view sql_state, std::string_view message) {
  // Without a state, or with a blank one, it is the connection that failed.
  if (sql_state.find_first_not_of(' ') == std::string_view::npos) sql_state = "08006";
  // The messages of these classes, bad values and violated constraints, show values.
  const bool shows_values = sql_state.starts_with("22") || sql_state.starts_with("23");
  std::string what = absl::StrCat("catalog: PostgreSQL says ", std::string(sql_state));
  if (!shows_values) {
    std::string line(message);
    absl::StrReplaceAll({{"\n", " "}}, &line);
    absl::StrAppend(&what, ", ", absl::StripAsciiWhitespace(line));
  }
  for (const StateMeaning& meaning : kMeanings) {
    if (!sql_state.starts_with(meaning.prefix)) continue;
    return {meaning.code, absl::StrCat(what, "; ", std::string(meaning.remedy))};
  }
  return absl::InternalError(what);
}

absl::Status FromSqlError(const std::exception& error) {
  const auto* soci = dynamic_cast<const soci::soci_error*>(&error);
  if (const auto* postgres = dynamic_cast<const soci::postgresql_soci_error*>(&error)) {
    return FromPostgresError(postgres->sqlstate(), postgres->get_error_message());
  }
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
