#include "server/state_commands.h"

#include <CLI/CLI.hpp>
#include <cstdint>
#include <cstdio>
#include <map>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "common/command_line.h"
#include "server/blob_migration.h"
#include "server/bucket_flags.h"
#include "server/keys_commands.h"
#include "server/probe_command.h"
#include "server/state_backup.h"
#include "server/state_move.h"
#include "server/tenants_commands.h"

namespace alignflow {
namespace {

int Tell(const absl::StatusOr<CopiedState>& copied, const std::string& to) {
  if (!copied.ok()) return FinishCommand("alignflow-coordinator", copied.status());
  std::printf("%s: the catalog and %lld blobs, %lld of them new\n", to.c_str(),
              static_cast<long long>(copied->blobs), static_cast<long long>(copied->copied));
  if (copied->missing == 0) return 0;
  std::printf(
      "%lld blobs were lost or damaged already; `alignflow-coordinator check` names them, "
      "and jobs that need them make them anew\n",
      static_cast<long long>(copied->missing));
  return 1;
}

int BackUp(int argc, char** argv) {
  std::string state, to;
  CLI::App app("Copies a state folder; its coordinator may be at work.",
               "alignflow-coordinator backup");
  app.add_option("--state-dir", state, "The state folder")->type_name("FOLDER")->required();
  app.add_option("--to", to, "Folder for the copy; one that is there is brought up to date")
      ->type_name("FOLDER")
      ->required();
  BucketFlags bucket;
  bucket.AddTo(app);
  if (const auto exit = ParseCommandLine(app, argc, argv)) return *exit;
  const absl::StatusOr<BucketOptions> of_bucket = bucket.Get();
  if (!of_bucket.ok()) return FinishCommand("alignflow-coordinator", of_bucket.status());
  return Tell(BackUpState(state, to, *of_bucket), to);
}

int Restore(int argc, char** argv) {
  std::string from, state;
  CLI::App app("Makes a state folder from a copy.", "alignflow-coordinator restore");
  app.add_option("--from", from, "The copy that `backup` made")->type_name("FOLDER")->required();
  app.add_option("--state-dir", state, "The state folder; it must not be there, or be empty")
      ->type_name("FOLDER")
      ->required();
  if (const auto exit = ParseCommandLine(app, argc, argv)) return *exit;
  return Tell(RestoreState(from, state), state);
}

int Check(int argc, char** argv) {
  std::string state;
  CLI::App app("Looks at the catalog and at every byte that it refers to; changes nothing.",
               "alignflow-coordinator check");
  app.add_option("--state-dir", state, "The state folder, or a copy of one")
      ->type_name("FOLDER")
      ->required();
  BucketFlags bucket;
  bucket.AddTo(app);
  if (const auto exit = ParseCommandLine(app, argc, argv)) return *exit;
  const absl::StatusOr<BucketOptions> of_bucket = bucket.Get();
  if (!of_bucket.ok()) return FinishCommand("alignflow-coordinator", of_bucket.status());
  const absl::StatusOr<StateProblems> problems = CheckState(state, *of_bucket);
  if (!problems.ok()) return FinishCommand("alignflow-coordinator", problems.status());
  for (const std::string& problem : problems->of_catalog) {
    std::printf("catalog: %s\n", problem.c_str());
  }
  for (const std::string& blob : problems->lost) std::printf("lost: blob %s\n", blob.c_str());
  for (const std::string& blob : problems->damaged) std::printf("damaged: blob %s\n", blob.c_str());
  std::printf("%lld blobs: %zu lost, %zu damaged; %zu problems of the catalog\n",
              static_cast<long long>(problems->blobs), problems->lost.size(),
              problems->damaged.size(), problems->of_catalog.size());
  return problems->any() ? 1 : 0;
}

int MoveBlobs(const std::string& state, const BucketOptions& bucket) {
  const auto progress = [](int64_t done, int64_t all) {
    std::fprintf(stderr, "%lld of %lld blobs\n", static_cast<long long>(done),
                 static_cast<long long>(all));
  };
  const absl::StatusOr<MigratedBlobs> migrated = MigrateBlobs(state, bucket, progress);
  if (!migrated.ok()) return FinishCommand("alignflow-coordinator", migrated.status());
  for (const std::string& blob : migrated->damaged) {
    std::printf("damaged: blob %s\n", blob.c_str());
  }
  std::printf("%s: %lld blobs, %lld of them new; %zu were damaged before and are left out\n",
              bucket.Url().c_str(), static_cast<long long>(migrated->blobs),
              static_cast<long long>(migrated->copied), migrated->damaged.size());
  return migrated->damaged.empty() ? 0 : 1;
}

int MoveTables(const std::string& state, const PostgresAddress& address) {
  const absl::StatusOr<std::map<std::string, int64_t>> rows = MoveCatalog(state, address);
  if (!rows.ok()) return FinishCommand("alignflow-coordinator", rows.status());
  int64_t all = 0;
  for (const auto& [table, count] : *rows) {
    std::printf("%10lld %s\n", static_cast<long long>(count), table.c_str());
    all += count;
  }
  std::printf(
      "%lld rows moved and compared; the file is kept as catalog.sqlite.moved. Start the "
      "coordinator with --catalog '%s'\n",
      static_cast<long long>(all), address.url.c_str());
  return 0;
}

int MigrateState(int argc, char** argv) {
  std::string state, catalog;
  CLI::App app(
      "Moves what a state folder keeps, whose coordinator is stopped: its tables into an empty "
      "PostgreSQL database, its blobs into a bucket, or both.",
      "alignflow-coordinator migrate-state");
  app.add_option("--state-dir", state, "The state folder")->type_name("FOLDER")->required();
  CLI::Option* database = app.add_option("--catalog", catalog,
                                         "The database; the password comes from PGPASSFILE's file")
                              ->type_name("postgresql://USER@HOST/DATABASE");
  BucketFlags bucket;
  bucket.AddTo(app);
  if (const auto exit = ParseCommandLine(app, argc, argv)) return *exit;
  const absl::StatusOr<BucketOptions> of_bucket = bucket.Get();
  if (!of_bucket.ok()) return FinishCommand("alignflow-coordinator", of_bucket.status());
  const bool blobs = app.get_option("--blobs")->count() > 0;
  if (!blobs && database->count() == 0) {
    return FinishCommand(
        "alignflow-coordinator",
        absl::InvalidArgumentError("say where to: give --catalog, --blobs or both"));
  }
  absl::StatusOr<PostgresAddress> address = PostgresAddress();
  if (database->count() > 0) address = ParsePostgresUrl(catalog);
  if (!address.ok()) return FinishCommand("alignflow-coordinator", address.status());
  const int moved = blobs ? MoveBlobs(state, *of_bucket) : 0;
  if (moved != 0 || database->count() == 0) return moved;
  return MoveTables(state, *address);
}

}  // namespace

std::optional<int> RunStateCommand(int argc, char** argv) {
  const std::string_view command = argc > 1 ? argv[1] : "";
  if (command == "backup") return BackUp(argc - 1, argv + 1);
  if (command == "restore") return Restore(argc - 1, argv + 1);
  if (command == "check") return Check(argc - 1, argv + 1);
  if (command == "migrate-state") return MigrateState(argc - 1, argv + 1);
  if (command == "keys") return RunKeysCommand(argc - 1, argv + 1);
  if (command == "tenants") return RunTenantsCommand(argc - 1, argv + 1);
  if (command == "--probe") return RunProbeCommand(argc - 1, argv + 1);
  return std::nullopt;
}

}  // namespace alignflow
