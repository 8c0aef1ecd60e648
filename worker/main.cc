// alignflow-worker: leases tasks from a coordinator and computes them.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <thread>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/channel.h"
#include "common/command_line.h"
#include "common/logging.h"
#include "common/metrics_server.h"
#include "common/process.h"
#include "common/steady_now.h"
#include "spdlog/spdlog.h"
#include "worker/agent/blob_cache.h"
#include "worker/agent/contact_file.h"
#include "worker/agent/work_folder.h"
#include "worker/agent/worker_metrics.h"
#include "worker/agent/worker_session.h"
#include "worker/models/cpu_memory.h"
#include "worker/tasks/device.h"
#include "worker/tasks/task.h"

namespace alignflow {
namespace {

// Of the cache: at least this, and half of what the disk has left: a prepared dataset of 10,000
// images of 1024 pixels takes 40 GiB and is wanted by every task.
constexpr int64_t kLeastCacheBytes = int64_t{20} << 30;
// More than one training step, a checkpoint's upload and the report need together.
constexpr absl::Duration kStopWithin = absl::Seconds(30);

struct Flags {
  std::string coordinator;
  std::string device = "auto";
  std::string cache_dir = DefaultCacheFolder().string();
  int threads = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
  std::string metrics_listen, metrics_token_file;
  std::string models_dir;
  ChannelSecurity security;
  std::string key_file;
};

std::string DisplayName() {
  char host[256] = "";
  gethostname(host, sizeof(host) - 1);
  return absl::StrCat(host, ":", getpid());
}

std::string NewInstanceId() {
  std::random_device random;
  return absl::StrCat(absl::Hex(random(), absl::kZeroPad8), absl::Hex(random(), absl::kZeroPad8));
}

absl::StatusOr<WorkerSession::Channels> OpenChannels(const Flags& flags) {
  ChannelSecurity security = flags.security;
  if (!flags.key_file.empty()) {
    absl::StatusOr<std::string> key = ReadAccessKey(flags.key_file);
    if (!key.ok()) return key.status();
    security.access_key = *std::move(key);
  }
  WorkerSession::Channels channels;
  for (auto* channel : {&channels.control, &channels.heartbeat, &channels.blobs}) {
    auto opened = CreateChannel(flags.coordinator, security);
    if (!opened.ok()) return opened.status();
    *channel = *std::move(opened);
  }
  return channels;
}

// What scripts/setup.sh brought, seen from build/bin, or what was installed beside bin/; empty if
// there is neither.
std::filesystem::path BundledModels() {
  std::error_code error;
  const std::filesystem::path program = std::filesystem::read_symlink("/proc/self/exe", error);
  const std::filesystem::path above = program.parent_path().parent_path();
  for (const auto& folder :
       {above / "share" / "alignflow" / "models", above.parent_path() / "third_party" / "models"}) {
    if (std::filesystem::is_directory(folder, error)) return folder;
  }
  return {};
}

absl::Status Serve(const Flags& flags) {
  auto channels = OpenChannels(flags);
  if (!channels.ok()) return channels.status();
  auto device = ResolveDevice(flags.device);
  if (!device.ok()) return device.status();
  SetThreads(flags.threads);
  auto folder = WorkFolder::Create(flags.cache_dir);
  if (!folder.ok()) return folder.status();
  std::error_code ignored;
  const std::filesystem::space_info disk = std::filesystem::space(flags.cache_dir, ignored);
  const int64_t half = ignored ? 0 : static_cast<int64_t>(disk.available / 2);
  BlobCache cache(flags.cache_dir, std::max(kLeastCacheBytes, half));

  auto registry = std::make_shared<prometheus::Registry>();
  WorkerMetrics metrics(*registry);
  std::unique_ptr<MetricsServer> metrics_server;
  if (!flags.metrics_listen.empty()) {
    auto started = MetricsServer::Start(flags.metrics_listen, registry, flags.metrics_token_file);
    if (!started.ok()) return started.status();
    metrics_server = *std::move(started);
    std::printf("listening on %s\n", metrics_server->address().c_str());
    std::fflush(stdout);
  }

  WorkerSession::Options options;
  options.display_name = DisplayName();
  options.device = *device;
  options.instance_id = NewInstanceId();
  const int64_t free = DeviceMemoryFree(*device);
  if (free > 0) options.memory_bytes = free + DeviceMemoryInUse(*device);
  options.models_dir = flags.models_dir;
  options.bundled_models_dir = BundledModels();
  options.work_folder = (*folder)->path();
  options.blobs.retry_for = absl::Minutes(10);
  ContactFile contact((*folder)->path());
  options.on_answer = [&contact] { contact.Touch(); };
  options.device_memory = [device = *device] { return DeviceMemoryInUse(device); };
  WorkerSession session(*std::move(channels), options, RunTask, cache, metrics);
  spdlog::info("worker {} on {} with {} threads, coordinator {}", options.display_name, *device,
               flags.threads, flags.coordinator);

  SteadyFlag done;
  std::jthread stopper([&session, &done] {
    while (!StopSignal::WaitFor(absl::Seconds(1))) {
      if (done.IsSet()) return;
    }
    spdlog::info("stopping");
    session.Stop();
    if (done.Wait(kStopWithin)) return;
    spdlog::error("the task has not stopped within {}; leaving it to its lease",
                  absl::FormatDuration(kStopWithin));
    std::_Exit(EXIT_FAILURE);
  });
  const absl::Status status = session.Run();
  done.Set();
  return status;
}

// OpenMP's threads spin while they wait for one another. On a machine that other processes use as
// well that makes a step many times slower, so they shall sleep. The library reads this when it is
// loaded, before main: the program starts itself anew.
void LetThreadsSleep(char** argv) {
  if (std::getenv("OMP_WAIT_POLICY") != nullptr) return;
  setenv("OMP_WAIT_POLICY", "passive", 0);
  execv("/proc/self/exe", argv);  // returns on failure only; then they spin
}

}  // namespace
}  // namespace alignflow

int main(int argc, char** argv) {
  if (argc > 1 && std::string_view(argv[1]) == "--probe") {
    return alignflow::RunProbeCommand(argc - 1, argv + 1);
  }
  alignflow::LetThreadsSleep(argv);
  alignflow::KeepFreedMemory();
  alignflow::StopSignal::Install();
  alignflow::Flags flags;
  CLI::App app("Leases tasks from an AlignFlow coordinator and computes them.", "alignflow-worker");
  app.footer("`alignflow-worker --probe` says whether a worker hears from its coordinator.");
  app.add_option("--coordinator", flags.coordinator, "Address of the coordinator")
      ->type_name("HOST:PORT")
      ->required();
  app.add_option("--device", flags.device, "auto, cpu or cuda")
      ->type_name("NAME")
      ->capture_default_str();
  app.add_option("--cache-dir", flags.cache_dir, "Folder for blobs and temporary files")
      ->type_name("FOLDER")
      ->capture_default_str();
  app.add_option("--threads", flags.threads, "Threads of a computation on the CPU")
      ->type_name("N")
      ->capture_default_str()
      ->check(CLI::Range(1, 1024));
  CLI::Option* metrics = app.add_option("--metrics-listen", flags.metrics_listen,
                                        "Address for Prometheus; port 0 takes a free one; beyond "
                                        "loopback with a token alone")
                             ->type_name("HOST:PORT");
  app.add_option("--metrics-token-file", flags.metrics_token_file,
                 "File whose first line is the token that Prometheus has to send")
      ->type_name("FILE")
      ->needs(metrics);
  app.add_option("--models-dir", flags.models_dir,
                 "Folder with the folders of pretrained models, for jobs with the setting weights")
      ->type_name("FOLDER")
      ->check(CLI::ExistingDirectory);
  app.add_option("--key-file", flags.key_file,
                 "File with this worker's access key, where the coordinator wants one")
      ->type_name("FILE");
  app.add_option("--ca", flags.security.ca_file,
                 "Who signs the coordinator's certificate, PEM; without it whom the system trusts")
      ->type_name("FILE");
  CLI::Option* certificate =
      app.add_option("--tls-cert", flags.security.certificate_file,
                     "This worker's certificate, PEM: in place of a key, of the coordinator's "
                     "--tls-client-ca")
          ->type_name("FILE");
  CLI::Option* private_key =
      app.add_option("--tls-key", flags.security.private_key_file, "Its private key, PEM")
          ->type_name("FILE")
          ->needs(certificate);
  certificate->needs(private_key);
  if (const auto exit = alignflow::ParseCommandLine(app, argc, argv)) return *exit;
  alignflow::InitLogging("alignflow-worker");
  const absl::Status status = alignflow::Serve(flags);
  if (status.ok()) return EXIT_SUCCESS;
  spdlog::error("{}", std::string(status.message()));
  return EXIT_FAILURE;
}
