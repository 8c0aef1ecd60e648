#include "server/catalog/postgres_engine.h"

#include <atomic>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "common/status_conversion.h"
#include "common/steady_now.h"
#include "server/catalog/catalog_engine.h"
#include "server/catalog/catalog_errors.h"
#include "server/catalog/migrations.h"
#include "server/catalog/postgres_connection.h"
#include "server/catalog/results.h"
#include "server/catalog/soci.h"
#include "spdlog/spdlog.h"

namespace alignflow {
namespace {

// How often a database that seems to be another's is asked for before it is.
constexpr int kAttempts = 20;
constexpr absl::Duration kAttemptInterval = absl::Milliseconds(100);
// How long a commit without an answer is asked about.
constexpr absl::Duration kCommitPatience = absl::Seconds(5);
constexpr absl::Duration kCommitInterval = absl::Milliseconds(100);

// Advisory locks of the database: the serving coordinator's, held by its connection that writes,
// and that of each transaction that writes, so that they come one by one, whoever runs them.
#define COORDINATOR_LOCK "7017845623413"
#define WRITER_LOCK "7017845623414"

constexpr char kBeginWriting[] =
    "BEGIN; SELECT pg_advisory_xact_lock(" WRITER_LOCK "); SELECT pg_current_xact_id()::text";
constexpr char kServerIsYoung[] = "SELECT now() - pg_postmaster_start_time() < interval '5 s'";
constexpr char kBeginReading[] = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

absl::Status RunBody(const CatalogEngine::Body& body, Sql& sql, bool& failed) {
  try {
    return body(sql);
  } catch (const std::exception& error) {
    failed = true;
    return FromSqlError(error);
  }
}

// Whether the lock was free.
absl::StatusOr<bool> TakeCoordinatorLock(PostgresConnection& connection) {
  absl::StatusOr<std::string> taken =
      connection.Execute("SELECT pg_try_advisory_lock(" COORDINATOR_LOCK ")");
  if (!taken.ok()) return taken.status();
  return *taken == "t";
}

absl::Status MigrateOn(PostgresConnection& connection) {
  try {
    WritingSql writing(connection.sql());
    return Migrate(writing);
  } catch (const std::exception& error) {
    return FromSqlError(error);
  }
}

absl::Status CheckVersion(PostgresConnection& connection) {
  try {
    if (SchemaVersion(connection.sql()) == NewestSchemaVersion()) return absl::OkStatus();
  } catch (const std::exception& error) {
    return FromSqlError(error);
  }
  return absl::FailedPreconditionError(
      "another version of AlignFlow wrote this catalog, or none has yet; start its coordinator of "
      "this version once, or use that version");
}

class PostgresEngine final : public CatalogEngine {
 public:
  PostgresEngine(const PostgresAddress& address, absl::Duration answer_limit)
      : answer_limit_(answer_limit),
        writer_(address, [this](PostgresConnection& fresh) { return TakeOver(fresh); }) {
    for (int i = 0; i < kReaders; ++i) {
      readers_.push_back(std::make_unique<PostgresConnection>(address));
    }
  }

  // Until it returns OK, before anything else. `taken`: another coordinator has the database.
  absl::Status Open(const PostgresCatalogOptions& options, bool& taken) {
    absl::Status status = options.wait ? LetTheOneBeforeGoFirst() : absl::OkStatus();
    if (status.ok()) {
      const PostgresConnection::Limited limited(writer_, answer_limit_);
      status = writer_.Ready();
    }
    taken = absl::IsFailedPrecondition(status) && taken_;
    if (taken) {
      // Who waits is told at once what would stop it in the end.
      const absl::Status mine = CheckWaitsForItsOwn(options);
      if (absl::IsFailedPrecondition(mine)) {
        taken = false;
        status = mine;
      }
    }
    if (status.ok()) status = MigrateOn(writer_);
    if (status.ok()) status = Own(options);
    if (status.ok()) return status;
    writer_.Close();
    writer_.TryAgain();
    return status;
  }

  absl::Status Write(const Body& body, bool& failed) override {
    absl::Status status = CheckNotReplaced();
    if (!status.ok()) return status;
    failed = true;
    const PostgresConnection::Limited limited(writer_, answer_limit_);
    const absl::StatusOr<std::string> transaction = writer_.Begin(kBeginWriting);
    if (!transaction.ok()) return NoAnswer(transaction.status());
    failed = false;
    status = RunBody(body, writer_.sql(), failed);
    if (!status.ok()) {
      writer_.Abandon();
      return failed ? NoAnswer(status) : status;
    }
    const absl::StatusOr<std::string> committed = writer_.Execute("COMMIT");
    if (committed.ok()) return absl::OkStatus();
    failed = true;
    writer_.Abandon();
    if (writer_.connected()) return NoAnswer(committed.status());
    unsettled_ = *transaction;
    return AskAboutCommit(committed.status());
  }

  absl::Status Read(int reader, const Body& body, bool& failed) override {
    absl::Status status = CheckNotReplaced();
    if (!status.ok()) return status;
    PostgresConnection& connection = *readers_[reader];
    failed = true;
    const PostgresConnection::Limited limited(connection, answer_limit_);
    const absl::StatusOr<std::string> begun = connection.Begin(kBeginReading);
    if (!begun.ok()) return NoAnswer(begun.status());
    failed = false;
    status = RunBody(body, connection.sql(), failed);
    if (failed) {
      connection.Abandon();
      return NoAnswer(status);
    }
    if (!connection.Execute("COMMIT").ok()) connection.Abandon();
    return status;
  }

  int readers() const override { return kReaders; }

  absl::Status Check() override {
    absl::Status status = CheckNotReplaced();
    if (!status.ok()) return absl::AbortedError(status.message());
    const PostgresConnection::Limited limited(writer_, answer_limit_);
    const absl::StatusOr<std::string> answer = writer_.Begin("SELECT 1");
    status = CheckNotReplaced();
    if (!status.ok()) return absl::AbortedError(status.message());
    if (!answer.ok()) return NoAnswer(answer.status());
    absl::MutexLock lock(&told_mutex_);
    told_.clear();
    return absl::OkStatus();
  }

  absl::Status ForgetDeleted() override { return absl::OkStatus(); }

 private:
  // On each new connection that writes: the lock, and that nobody has had it meanwhile.
  absl::Status TakeOver(PostgresConnection& fresh) {
    if (epoch_.empty()) {
      absl::Status held = HoldCoordinatorLock(fresh);
      taken_ = absl::IsFailedPrecondition(held);
      return held;
    }
    const absl::StatusOr<bool> taken = TakeCoordinatorLock(fresh);
    if (!taken.ok()) return taken.status();
    const absl::StatusOr<std::string> epoch = fresh.Execute("SELECT epoch FROM catalog_owner");
    if (!epoch.ok()) return epoch.status();
    if (*epoch != epoch_) {
      replaced_ = true;
      spdlog::error("another coordinator has taken the database over");
      return absl::UnavailableError("another coordinator has taken the database over");
    }
    // The server may not have noticed yet that the connection from before is gone.
    if (!*taken) return absl::UnavailableError("the lock of the lost connection is not free yet");
    return Settle(fresh);
  }

  // What became of a transaction whose commit had no answer.
  absl::Status Settle(PostgresConnection& fresh) {
    if (unsettled_.empty()) return absl::OkStatus();
    const absl::StatusOr<std::string> fate =
        fresh.Execute(absl::StrCat("SELECT pg_xact_status('", unsettled_, "'::xid8)"));
    if (!fate.ok()) return fate.status();
    if (*fate == "in progress") return absl::UnavailableError("a transaction has not ended yet");
    settled_as_committed_ = *fate == "committed";
    unsettled_.clear();
    if (settled_as_committed_ && !asking_) {
      // It has been reported as failed: what this process remembers is not what was written.
      replaced_ = true;
      spdlog::error("a change was written whose answer was lost; the coordinator begins anew");
      return absl::UnavailableError("the coordinator begins anew");
    }
    return absl::OkStatus();
  }

  // After a commit without an answer: whether it was done after all.
  absl::Status AskAboutCommit(const absl::Status& error) {
    asking_ = true;
    settled_as_committed_ = false;
    const absl::Time deadline = SteadyNow() + kCommitPatience;
    const SteadyFlag never;
    while (!writer_.Ready().ok() && !replaced_ && SteadyNow() < deadline) {
      never.Wait(kCommitInterval);
    }
    asking_ = false;
    if (unsettled_.empty() && settled_as_committed_) return absl::OkStatus();
    return NoAnswer(error);
  }

  static absl::Status CheckId(const std::string& id, const PostgresCatalogOptions& options) {
    if (options.id.empty() ? id.empty() : id == options.id) return absl::OkStatus();
    return absl::FailedPreconditionError(
        id.empty()
            ? "the database is empty, but the state folder's catalog was in one already; restore "
              "that one, or give an empty state folder"
            : "the catalog in this database is another state folder's; give that folder, or a copy "
              "of its files `catalog-id` and `secret` where its blobs can be reached");
  }

  // For who stands by: after a restart of the server its coordinator comes back by itself.
  absl::Status LetTheOneBeforeGoFirst() {
    PostgresConnection& connection = *readers_.front();
    const PostgresConnection::Limited limited(connection, answer_limit_);
    connection.TryAgain();
    const absl::StatusOr<std::string> young = connection.Begin(kServerIsYoung);
    if (!young.ok()) return young.status();
    if (*young != "t") return absl::OkStatus();
    return absl::UnavailableError(
        "the database server has just started, and its coordinator may come back");
  }

  absl::Status CheckWaitsForItsOwn(const PostgresCatalogOptions& options) {
    const PostgresConnection::Limited limited(*readers_.front(), answer_limit_);
    absl::Status status = readers_.front()->Ready();
    if (!status.ok()) return status;
    const absl::StatusOr<std::string> id =
        readers_.front()->Execute("SELECT id FROM catalog_owner");
    // Of one that the other is about to make nothing is known yet.
    return id.ok() && !id->empty() ? CheckId(*id, options) : absl::OkStatus();
  }

  absl::Status Own(const PostgresCatalogOptions& options) {
    const PostgresConnection::Limited limited(writer_, answer_limit_);
    const absl::StatusOr<std::string> begun = writer_.Execute(kBeginWriting);
    if (!begun.ok()) return begun.status();
    const absl::StatusOr<std::string> id = writer_.Execute("SELECT id FROM catalog_owner");
    if (!id.ok()) return id.status();
    absl::Status mine = CheckId(*id, options);
    if (!mine.ok()) {
      writer_.Abandon();
      return mine;
    }
    if (id->empty()) {
      // Random digits and letters of our own (random_id.h).
      const auto named =
          writer_.Execute(absl::StrCat("UPDATE catalog_owner SET id = '", options.new_id, "'"));
      if (!named.ok()) return named.status();
    }
    absl::StatusOr<std::string> epoch =
        writer_.Execute("UPDATE catalog_owner SET epoch = epoch + 1 RETURNING epoch");
    if (!epoch.ok()) return epoch.status();
    const absl::StatusOr<std::string> committed = writer_.Execute("COMMIT");
    if (!committed.ok()) return committed.status();
    epoch_ = *std::move(epoch);
    return absl::OkStatus();
  }

  absl::Status CheckNotReplaced() const {
    if (!replaced_) return absl::OkStatus();
    return absl::UnavailableError(
        "this coordinator has been replaced; ask the one that has taken over");
  }

  // The same for who has asked, who is told nothing of servers and SQL: the log is.
  absl::Status NoAnswer(const absl::Status& status) {
    if (!absl::IsUnavailable(status)) return status;
    const std::string why(status.message());
    {
      absl::MutexLock lock(&told_mutex_);
      if (why != told_) spdlog::warn("the catalog's database: {}", why);
      told_ = why;
    }
    return absl::UnavailableError(
        "the coordinator's database does not answer; try again in a moment");
  }

  const absl::Duration answer_limit_;
  PostgresConnection writer_;
  std::vector<std::unique_ptr<PostgresConnection>> readers_;
  std::string epoch_;  // empty: not open yet
  std::atomic<bool> replaced_ = false;
  std::string unsettled_;  // a transaction's number
  bool asking_ = false, settled_as_committed_ = false;
  bool taken_ = false;
  absl::Mutex told_mutex_;
  std::string told_ ABSL_GUARDED_BY(told_mutex_);  // why there was no answer
};

absl::Status Explain(const absl::Status& status, const PostgresAddress& address) {
  return Annotate(status, absl::StrCat("--catalog ", address.shown));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Catalog>> OpenPostgresCatalog(
    const PostgresAddress& address, const PostgresCatalogOptions& options) {
  auto engine = std::make_unique<PostgresEngine>(address, options.answer_limit);
  const SteadyFlag never;
  for (int attempt = 0;; ++attempt) {
    bool taken = false;
    absl::Status status = engine->Open(options, taken);
    if (status.ok()) return std::make_unique<Catalog>(std::move(engine));
    if (options.wait) {
      if (!taken && !absl::IsUnavailable(status)) return Explain(status, address);
      if (!options.wait(Explain(status, address))) return absl::CancelledError("stopped");
    } else {
      // The server may be about to notice that the one before has gone.
      if (!taken || attempt >= kAttempts) return Explain(status, address);
      never.Wait(kAttemptInterval);
    }
  }
}

absl::Status HoldCoordinatorLock(PostgresConnection& connection) {
  const absl::StatusOr<bool> taken = TakeCoordinatorLock(connection);
  if (!taken.ok()) return taken.status();
  if (*taken) return absl::OkStatus();
  return absl::FailedPreconditionError(
      "another coordinator has this database; stop that one, or start this one with --standby to "
      "take over when it is gone");
}

absl::Status ChangePostgresCatalog(const PostgresAddress& address,
                                   const std::function<absl::Status(WritingSql&)>& body) {
  PostgresConnection connection(address);
  absl::Status status = connection.Ready();
  if (!status.ok()) return Explain(status, address);
  status = CheckVersion(connection);
  if (absl::IsFailedPrecondition(status)) {
    // Where nobody serves it, it may have to be made.
    const absl::StatusOr<bool> alone = TakeCoordinatorLock(connection);
    if (alone.ok() && *alone) {
      status = MigrateOn(connection);
      (void)connection.Execute("SELECT pg_advisory_unlock(" COORDINATOR_LOCK ")");
    }
  }
  if (!status.ok()) return Explain(status, address);
  const absl::StatusOr<std::string> begun = connection.Execute(kBeginWriting);
  if (!begun.ok()) return Explain(begun.status(), address);
  bool failed = false;
  const auto write = [&](Sql& sql) {
    WritingSql writing(sql);
    return body(writing);
  };
  status = RunBody(write, connection.sql(), failed);
  if (!status.ok()) return failed ? Explain(status, address) : status;
  return Explain(connection.Execute("COMMIT").status(), address);
}

absl::StatusOr<std::set<std::string>> BlobsOfPostgresCatalog(const PostgresAddress& address) {
  PostgresConnection connection(address);
  absl::Status status = connection.Ready();
  if (status.ok()) status = connection.Execute(kBeginReading).status();
  if (status.ok()) status = CheckVersion(connection);
  std::set<std::string> blobs;
  bool failed = false;
  const auto look = [&](Sql& sql) {
    ReferenceCursor cursor;
    const auto add = [&](const std::string& blob) { blobs.insert(blob); };
    while (VisitReferences(sql, kReferenceRows, cursor, add)) {
    }
    return absl::OkStatus();
  };
  if (status.ok()) status = RunBody(look, connection.sql(), failed);
  if (!status.ok()) return Explain(status, address);
  return blobs;
}

#undef COORDINATOR_LOCK
#undef WRITER_LOCK

}  // namespace alignflow
