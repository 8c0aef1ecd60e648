#include "server/catalog/postgres_connection.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "common/steady_now.h"
#include "server/catalog/catalog_errors.h"
#include "server/catalog/soci.h"

namespace alignflow {
namespace {

constexpr absl::Duration kFirstBackOff = absl::Milliseconds(100);
constexpr absl::Duration kLastBackOff = absl::Seconds(2);
constexpr int kOldestServer = 130000;  // pg_current_xact_id

// Limits of time for what the connection does, and for how long the server keeps its locks once
// this machine has gone without a word.
constexpr char kSettings[] =
    "SET statement_timeout = '60s'; SET lock_timeout = '15s'; "
    "SET idle_in_transaction_session_timeout = '120s'; SET tcp_keepalives_idle = 5; "
    "SET tcp_keepalives_interval = 2; SET tcp_keepalives_count = 3; SET tcp_user_timeout = 15000; "
    "SET client_min_messages = warning; SET standard_conforming_strings = on";

}  // namespace

PostgresConnection::PostgresConnection(PostgresAddress address, Prepare prepare)
    : address_(std::move(address)), prepare_(std::move(prepare)) {}
PostgresConnection::~PostgresConnection() = default;

PGconn* PostgresConnection::handle() {
  return static_cast<soci::postgresql_session_backend*>(sql_->get_backend())->conn_;
}

bool PostgresConnection::connected() const { return sql_ != nullptr; }

void PostgresConnection::Close() {
  answers_.Watch(-1);
  sql_.reset();
}

absl::Status PostgresConnection::Connect() {
  try {
    sql_ = std::make_unique<Sql>(soci::postgresql, address_.connection);
  } catch (const std::exception& error) {
    const auto* soci = dynamic_cast<const soci::soci_error*>(&error);
    std::string what = soci == nullptr ? error.what() : soci->get_error_message();
    absl::StrReplaceAll({{"Cannot establish connection to the database.", ""}, {"\n", " "}}, &what);
    return absl::UnavailableError(std::string(absl::StripAsciiWhitespace(what)));
  }
  PGconn* handle = this->handle();
  answers_.Watch(PQsocket(handle));
  // Without the rows that a statement was about.
  PQsetErrorVerbosity(handle, PQERRORS_TERSE);
  PQsetNoticeProcessor(
      handle, [](void*, const char*) {}, nullptr);
  if (PQserverVersion(handle) < kOldestServer) {
    return absl::FailedPreconditionError("PostgreSQL 13 or later is needed");
  }
  const char* encoding = PQparameterStatus(handle, "server_encoding");
  if (encoding == nullptr || std::string_view(encoding) != "UTF8") {
    return absl::FailedPreconditionError(
        "the database's encoding is not UTF8; create one with ENCODING 'UTF8'");
  }
  absl::Status status = Execute(kSettings).status();
  return status.ok() ? prepare_(*this) : status;
}

absl::Status PostgresConnection::Ready() {
  if (sql_ != nullptr) return absl::OkStatus();
  if (SteadyNow() < next_attempt_) return last_error_;
  absl::Status status = Connect();
  if (status.ok()) {
    back_off_ = absl::ZeroDuration();
    return status;
  }
  Close();
  back_off_ = std::clamp(back_off_ * 2, kFirstBackOff, kLastBackOff);
  next_attempt_ = SteadyNow() + back_off_;
  last_error_ = status;
  return status;
}

absl::StatusOr<std::string> PostgresConnection::Execute(const std::string& statements) {
  PGconn* handle = this->handle();
  const std::unique_ptr<PGresult, decltype(&PQclear)> result(PQexec(handle, statements.c_str()),
                                                             PQclear);
  const ExecStatusType code = PQresultStatus(result.get());
  if (code == PGRES_TUPLES_OK && PQntuples(result.get()) > 0) {
    return std::string(PQgetvalue(result.get(), 0, 0));
  }
  if (code == PGRES_TUPLES_OK || code == PGRES_COMMAND_OK) return std::string();
  const char* state = PQresultErrorField(result.get(), PG_DIAG_SQLSTATE);
  return FromPostgresError(state == nullptr ? "" : state, PQerrorMessage(handle));
}

absl::StatusOr<std::string> PostgresConnection::Begin(const std::string& begin) {
  for (int attempt = 0;; ++attempt) {
    absl::Status status = Ready();
    if (!status.ok()) return status;
    absl::StatusOr<std::string> begun = Execute(begin);
    if (begun.ok()) return begun;
    Abandon();
    // One that was lost since the last transaction is found out about here.
    if (connected() || attempt > 0) return begun;
  }
}

void PostgresConnection::Abandon() {
  if (sql_ == nullptr) return;
  PGconn* handle = this->handle();
  if (PQstatus(handle) == CONNECTION_OK && PQtransactionStatus(handle) != PQTRANS_IDLE) {
    // What SOCI has prepared in a transaction that failed it can't deallocate.
    (void)Execute("ROLLBACK");
    (void)Execute("DEALLOCATE ALL");
  }
  if (PQstatus(handle) != CONNECTION_OK || PQtransactionStatus(handle) != PQTRANS_IDLE) Close();
}

}  // namespace alignflow
