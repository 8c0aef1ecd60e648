// alignflow-coordinator: keeps datasets, jobs and results, and leases the jobs' tasks to workers.
#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/age.h"
#include "common/command_line.h"
#include "common/logging.h"
#include "common/metrics_server.h"
#include "common/process.h"
#include "common/steady_now.h"
#include "server/bucket_flags.h"
#include "server/coordinator.h"
#include "server/state_commands.h"
#include "server/worker_supervisor.h"
#include "spdlog/spdlog.h"

namespace alignflow {
namespace {

constexpr absl::Duration kTick = absl::Milliseconds(500);
constexpr absl::Duration kStandbyInterval = absl::Seconds(1);
constexpr int kMaxWorkers = 64;

struct Flags {
  CoordinatorOptions options;
  std::string metrics_listen, metrics_token_file;
  int spawn_workers = 0;
  std::string models_dir;  // of the spawned workers
  absl::Duration drain_timeout = absl::Seconds(10);
  absl::Duration worker_grace = absl::Seconds(5);
};

// The workers share the cores: two of one thread do more than two that get in each other's way.
absl::StatusOr<std::vector<std::string>> WorkerCommand(const std::string& coordinator,
                                                       const std::string& key_file, int workers,
                                                       const std::string& models_dir) {
  absl::StatusOr<std::filesystem::path> folder = ExecutableDirectory();
  if (!folder.ok()) return folder.status();
  const std::filesystem::path worker = *folder / "alignflow-worker";
  if (!std::filesystem::exists(worker)) {
    return absl::NotFoundError(absl::StrCat("--spawn-workers: there is no ", worker.string(),
                                            "; build or install it beside this one"));
  }
  const int cores = static_cast<int>(std::thread::hardware_concurrency());
  std::vector<std::string> command = {
      worker.string(), "--coordinator", coordinator,
      "--key-file",    key_file,        absl::StrCat("--threads=", std::max(1, cores / workers))};
  if (!models_dir.empty()) command.insert(command.end(), {"--models-dir", models_dir});
  return command;
}

// Waits for its turn: until a stop is asked for, false then. Tells why when that changes.
bool StandBy(const absl::Status& reason) {
  static absl::Status told;
  if (reason != told) spdlog::info("standing by: {}", std::string(reason.message()));
  told = reason;
  return !StopSignal::WaitFor(kStandbyInterval);
}

absl::Status Run(const Flags& flags) {
  absl::StatusOr<std::unique_ptr<Coordinator>> coordinator = Coordinator::Start(flags.options);
  // The one before may still be closing its port.
  while (absl::IsUnavailable(coordinator.status()) && flags.options.stand_by &&
         StandBy(coordinator.status())) {
    coordinator = Coordinator::Start(flags.options);
  }
  if (absl::IsCancelled(coordinator.status()) && StopSignal::Raised()) return absl::OkStatus();
  if (!coordinator.ok()) return coordinator.status();
  std::unique_ptr<MetricsServer> metrics;
  if (!flags.metrics_listen.empty()) {
    absl::StatusOr<std::unique_ptr<MetricsServer>> started = MetricsServer::Start(
        flags.metrics_listen, (*coordinator)->metrics(), flags.metrics_token_file);
    if (!started.ok()) return started.status();
    metrics = *std::move(started);
    spdlog::info("metrics on {}", metrics->address());
  }
  std::vector<std::string> command;
  if (flags.spawn_workers > 0) {
    const absl::StatusOr<std::filesystem::path> key = (*coordinator)->WriteWorkerKey();
    if (!key.ok()) return key.status();
    absl::StatusOr<std::vector<std::string>> found = WorkerCommand(
        (*coordinator)->worker_address(), key->string(), flags.spawn_workers, flags.models_dir);
    if (!found.ok()) return found.status();
    command = *std::move(found);
  }
  WorkerSupervisor supervisor(command, flags.spawn_workers);
  std::printf("listening on %s\n", (*coordinator)->address().c_str());
  std::fflush(stdout);
  do {
    supervisor.Tick(SteadyNow());
  } while (!StopSignal::WaitFor(kTick) && !(*coordinator)->replaced());
  if ((*coordinator)->replaced()) {
    (*coordinator)->Shutdown();
    return absl::AbortedError(
        "another coordinator has taken the database over, or may have; start this one again with "
        "--standby to take over from that one");
  }

  spdlog::info("closing: workers hand back");
  (*coordinator)->Drain(flags.drain_timeout);
  supervisor.Stop(flags.worker_grace);
  (*coordinator)->Shutdown();
  spdlog::info("closed");
  return absl::OkStatus();
}

}  // namespace
}  // namespace alignflow

int main(int argc, char** argv) {
  umask(077);  // images of patients are nobody else's business
  if (const auto exit = alignflow::RunStateCommand(argc, argv)) return *exit;
  alignflow::StopSignal::Install();
  alignflow::InitLogging("alignflow-coordinator");
  alignflow::Flags flags;
  std::string state_dir;
  double drain_timeout = absl::ToDoubleSeconds(flags.drain_timeout);
  double worker_grace = absl::ToDoubleSeconds(flags.worker_grace);
  double blob_grace = absl::ToDoubleSeconds(flags.options.blob_grace);
  CLI::App app("Keeps datasets, jobs and results, and leases the jobs' tasks to workers.",
               "alignflow-coordinator");
  app.footer(
      "`alignflow-coordinator backup`, `restore` and `check` copy and check a state folder, "
      "`migrate-state` moves it into a PostgreSQL database or a bucket, `keys` "
      "makes and revokes access keys, `tenants` makes tenants, `--probe` asks for a coordinator's "
      "health.");
  app.add_option("--listen", flags.options.listen,
                 "Address; port 0 takes a free one. Beyond loopback with TLS alone")
      ->type_name("HOST:PORT")
      ->required();
  alignflow::TlsFiles& tls = flags.options.tls;
  CLI::Option* certificate =
      app.add_option("--tls-cert", tls.certificate, "The server's certificate and its chain, PEM")
          ->type_name("FILE");
  CLI::Option* private_key =
      app.add_option("--tls-key", tls.private_key, "The private key of --tls-cert, PEM")
          ->type_name("FILE")
          ->needs(certificate);
  certificate->needs(private_key);
  app.add_option("--tls-client-ca", tls.client_ca,
                 "Who has a certificate of this CA (PEM) may be a worker without a key")
      ->type_name("FILE")
      ->needs(certificate);
  app.add_flag("--require-keys", flags.options.require_keys,
               "Take no call without an access key, also on loopback and before there is any");
  app.add_option("--state-dir", state_dir,
                 "Folder that everything is kept in, or all but the blobs; made if missing")
      ->type_name("FOLDER")
      ->required();
  alignflow::BucketFlags bucket;
  bucket.AddTo(app);
  app.add_option("--blob-cache", flags.options.blob_cache,
                 "Most bytes of copies of a bucket's blobs in the state folder")
      ->type_name("BYTES")
      ->transform(CLI::AsSizeValue(true))
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  std::string catalog;
  bool standby = false;
  CLI::Option* database =
      app.add_option("--catalog", catalog,
                     "PostgreSQL database for what is kept in tables; without it a file of the "
                     "state folder. The password comes from the file in PGPASSFILE")
          ->type_name("postgresql://USER@HOST/DATABASE");
  app.add_flag("--standby", standby,
               "Wait while another coordinator has the database, and take over when it is gone")
      ->needs(database);
  app.add_flag("--share-results", flags.options.share_results,
               "Tenants take each other's results where source, settings and seed are the same");
  app.add_option("--spawn-workers", flags.spawn_workers,
                 "Local workers to start, which share the cores")
      ->type_name("N")
      ->check(CLI::Range(0, alignflow::kMaxWorkers));
  app.add_option("--models-dir", flags.models_dir,
                 "Folder with pretrained models, passed on to the workers of --spawn-workers")
      ->type_name("FOLDER")
      ->check(CLI::ExistingDirectory);
  CLI::Option* metrics =
      app.add_option("--metrics-listen", flags.metrics_listen,
                     "Address to serve /metrics on; beyond loopback with a token alone")
          ->type_name("HOST:PORT");
  app.add_option("--metrics-token-file", flags.metrics_token_file,
                 "File whose first line is the token that Prometheus has to send")
      ->type_name("FILE")
      ->needs(metrics);
  app.add_option("--blob-grace", blob_grace, "Time that a blob is kept which nothing refers to")
      ->type_name("SECONDS")
      ->check(CLI::Range(0.0, 1e9))
      ->capture_default_str();
  app.add_option("--disk-reserve", flags.options.disk_reserve,
                 "Space left on the disk of the state folder below which no new work is taken")
      ->type_name("BYTES")
      ->transform(CLI::AsSizeValue(true))
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app.add_option("--drain-timeout", drain_timeout,
                 "Time that workers get to hand their tasks back when the coordinator closes")
      ->type_name("SECONDS")
      ->check(CLI::Range(0.0, 86400.0))
      ->capture_default_str();
  app.add_option("--worker-grace", worker_grace,
                 "Time that the workers of --spawn-workers then get to end before they are killed")
      ->type_name("SECONDS")
      ->check(CLI::Range(0.0, 86400.0))
      ->capture_default_str();
  std::string keep_jobs = alignflow::AgeText(flags.options.keep_jobs);
  app.add_option("--keep-jobs", keep_jobs,
                 "Time after its end that a job is kept, such as 90d or 12h (a plain number is "
                 "days), 0 or never; then it is deleted with its pairs, models and report. `afctl "
                 "dataset set-retention` gives the jobs of a dataset another")
      ->type_name("AGE")
      ->check([](const std::string& text) {
        return std::string(alignflow::ParseAge(text).status().message());
      })
      ->capture_default_str();
  std::string keep_audit = alignflow::AgeText(flags.options.keep_audit);
  app.add_option(
         "--keep-audit", keep_audit,
         "Time that the records of who did what are kept, as --keep-jobs; at most a million "
         "of them are")
      ->type_name("AGE")
      ->check([](const std::string& text) {
        return std::string(alignflow::ParseAge(text).status().message());
      })
      ->capture_default_str();
  if (const auto exit = alignflow::ParseCommandLine(app, argc, argv)) return *exit;
  flags.options.keep_audit = alignflow::ParseAge(keep_audit).value();
  flags.options.keep_jobs = alignflow::ParseAge(keep_jobs).value();
  const absl::StatusOr<alignflow::BucketOptions> of_bucket = bucket.Get();
  if (!of_bucket.ok()) return alignflow::FinishCommand("alignflow-coordinator", of_bucket.status());
  flags.options.bucket = *of_bucket;
  flags.options.state_dir = state_dir;
  if (!catalog.empty()) {
    absl::StatusOr<alignflow::PostgresAddress> address = alignflow::ParsePostgresUrl(catalog);
    if (!address.ok()) return alignflow::FinishCommand("alignflow-coordinator", address.status());
    flags.options.database = *std::move(address);
    if (standby) flags.options.stand_by = alignflow::StandBy;
  }
  flags.options.blob_grace = absl::Seconds(blob_grace);
  flags.drain_timeout = absl::Seconds(drain_timeout);
  flags.worker_grace = absl::Seconds(worker_grace);
  const absl::Status status = alignflow::Run(flags);
  return alignflow::FinishCommand("alignflow-coordinator", status);
}
