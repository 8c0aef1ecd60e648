#include "worker/agent/contact_file.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <system_error>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/command_line.h"
#include "common/partial_file.h"
#include "worker/agent/work_folder.h"

namespace alignflow {
namespace {

namespace fs = std::filesystem;

// A Lease call waits 20 s, its deadline is 10 s more, and then the next one begins.
constexpr absl::Duration kSilence = absl::Seconds(45);

int64_t MonotonicSeconds() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::seconds>(now).count();
}

}  // namespace

void ContactFile::Touch() {
  const int64_t now = MonotonicSeconds();
  if (written_.exchange(now) == now) return;
  PartialFile file(path_);
  if (file.Append(absl::StrCat(now, "\n")).ok()) file.Rename().IgnoreError();
}

absl::StatusOr<absl::Duration> ContactAge(const fs::path& cache) {
  int64_t latest = -1;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(cache / "workers", error)) {
    int64_t seconds = -1;
    if (std::ifstream(entry.path() / ContactFile::kName) >> seconds) {
      latest = std::max(latest, seconds);
    }
  }
  if (latest >= 0) return absl::Seconds(MonotonicSeconds() - latest);
  return absl::FailedPreconditionError(absl::StrCat("no worker with the cache folder ",
                                                    cache.string(),
                                                    " has had an answer from its coordinator yet"));
}

int RunProbeCommand(int argc, char** argv) {
  std::string cache = DefaultCacheFolder().string();
  CLI::App app(
      "Ends with 0 if the coordinator has answered this machine's worker a moment ago, and with 1 "
      "if not. A worker that is well goes on without an answer: don't restart it for that.",
      "alignflow-worker --probe");
  app.add_option("--cache-dir", cache, "The worker's cache folder")
      ->type_name("FOLDER")
      ->capture_default_str();
  if (const auto exit = ParseCommandLine(app, argc, argv)) return *exit;
  const absl::StatusOr<absl::Duration> age = ContactAge(cache);
  if (!age.ok()) {
    std::fprintf(stderr, "alignflow-worker: not healthy: %s\n",
                 std::string(age.status().message()).c_str());
    return 1;
  }
  std::printf("the coordinator answered %s ago\n", absl::FormatDuration(*age).c_str());
  return *age <= kSilence ? 0 : 1;
}

}  // namespace alignflow
