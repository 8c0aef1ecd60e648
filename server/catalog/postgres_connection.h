#ifndef ALIGNFLOW_SERVER_CATALOG_POSTGRES_CONNECTION_H_
#define ALIGNFLOW_SERVER_CATALOG_POSTGRES_CONNECTION_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/catalog/answer_limit.h"
#include "server/catalog/catalog.h"
#include "server/catalog/postgres_address.h"

struct pg_conn;  // libpq's PGconn

namespace alignflow {

// A connection to PostgreSQL that is made anew when it was lost. Statements and waits for locks
// have limits of time, which the server keeps. Not thread-safe.
class PostgresConnection {
 public:
  // While there is one, the connection is cut `limit` after its beginning, which should be later
  // than the server's own limits. Without one a server that falls silent is waited for.
  class Limited {
   public:
    Limited(PostgresConnection& connection, absl::Duration limit) : answers_(connection.answers_) {
      answers_.Start(limit);
    }
    ~Limited() { answers_.Stop(); }
    Limited(const Limited&) = delete;

   private:
    AnswerLimit& answers_;
  };

  // `prepare` is run on each new connection before it is used; its errors are Ready's.
  using Prepare = std::function<absl::Status(PostgresConnection&)>;
  explicit PostgresConnection(
      PostgresAddress address,
      Prepare prepare = [](PostgresConnection&) { return absl::OkStatus(); });
  ~PostgresConnection();

  // Connects if it is not connected. Unavailable, at once for a while after an attempt that has
  // failed, so that those who wait for their turn do not wait for each other's attempts.
  absl::Status Ready();
  // Forgets how the last attempt went.
  void TryAgain() { next_attempt_ = absl::InfinitePast(); }
  // Once Ready has returned OK.
  Sql& sql() { return *sql_; }
  pg_conn* handle();
  // Runs statements, divided by semicolons, and returns the first column of the last one's first
  // row; empty if it has none. Errors as FromSqlError.
  absl::StatusOr<std::string> Execute(const std::string& statements);
  // Begins a transaction by `begin`, on a new connection if this one turns out to be lost. Returns
  // what Execute does.
  absl::StatusOr<std::string> Begin(const std::string& begin);
  // After an error: ends the transaction; a connection that is lost is closed.
  void Abandon();
  void Close();
  bool connected() const;

 private:
  absl::Status Connect();

  const PostgresAddress address_;
  const Prepare prepare_;
  AnswerLimit answers_;
  std::unique_ptr<Sql> sql_;
  absl::Time next_attempt_ = absl::InfinitePast();
  absl::Duration back_off_;
  absl::Status last_error_;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_CATALOG_POSTGRES_CONNECTION_H_
