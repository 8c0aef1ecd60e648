#include "worker/agent/agent_task_context.h"

#include <algorithm>
#include <atomic>
#include <system_error>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "spdlog/spdlog.h"

namespace alignflow {
namespace {

namespace fs = std::filesystem;

constexpr int kPrefetchStreams = 4;
constexpr absl::Duration kCheckpointRetry = absl::Seconds(5);

BlobClientOptions Interruptible(BlobClientOptions options, const LeaseKeeper& keeper) {
  options.interrupted = [&keeper] { return keeper.Abandoned(); };
  options.waits_for_space = true;
  return options;
}

// The coordinator's disk is full for long: nothing that more memory would help here.
absl::Status OfStore(const absl::Status& status) {
  if (!absl::IsResourceExhausted(status)) return status;
  return absl::UnavailableError(status.message());
}

BlobClientOptions Hasty(BlobClientOptions options) {
  options.retry_for = std::min(options.retry_for, kCheckpointRetry);
  return options;
}

bool IsGone(const absl::Status& status) {
  return absl::IsNotFound(status) || absl::IsDataLoss(status);
}

}  // namespace

AgentTaskContext::AgentTaskContext(Setup setup, LeaseKeeper& keeper, BlobCache& cache)
    : setup_(std::move(setup)),
      keeper_(keeper),
      cache_(cache),
      blobs_(setup_.channel, Interruptible(setup_.blob_options, keeper)),
      checkpoints_(setup_.channel, Hasty(Interruptible(setup_.blob_options, keeper))),
      checkpoint_(setup_.checkpoint_sha256) {
  // An error shows when the first file is written there, and names it.
  std::error_code ignored;
  fs::create_directories(setup_.folder / "scratch", ignored);
  fs::create_directories(setup_.folder / "inputs", ignored);
}

AgentTaskContext::~AgentTaskContext() {
  std::error_code ignored;
  fs::remove_all(setup_.folder, ignored);
}

fs::path AgentTaskContext::LocalFile(const std::string& digest) const {
  return setup_.folder / "inputs" / digest;
}

absl::StatusOr<fs::path> AgentTaskContext::Fetch(const std::string& digest) {
  absl::StatusOr<fs::path> file = FetchFile(digest);
  if (IsGone(file.status())) {
    absl::MutexLock lock(&mutex_);
    missing_input_ = digest;
  }
  return file;
}

std::string AgentTaskContext::missing_input() const {
  absl::MutexLock lock(&mutex_);
  return missing_input_;
}

absl::StatusOr<fs::path> AgentTaskContext::FetchFile(const std::string& digest) {
  fs::path file = LocalFile(digest);
  std::error_code ignored;
  // Was checked when it came to lie here.
  if (!digest.empty() && fs::exists(file, ignored)) return file;
  const absl::Status status = cache_.Fetch(blobs_, digest, file);
  if (!status.ok()) return status;
  return file;
}

absl::Status AgentTaskContext::Prefetch(const std::vector<std::string>& digests) {
  std::vector<std::string> unique = digests;
  std::sort(unique.begin(), unique.end());
  unique.erase(std::unique(unique.begin(), unique.end()), unique.end());
  std::atomic<size_t> next = 0;
  absl::Mutex mutex;
  absl::Status result = absl::OkStatus();
  const auto work = [&] {
    for (size_t i = next++; i < unique.size(); i = next++) {
      const absl::Status status = Fetch(unique[i]).status();
      if (status.ok()) continue;
      next = unique.size();
      absl::MutexLock lock(&mutex);
      result.Update(status);
    }
  };
  std::vector<std::jthread> threads;
  for (int i = 1; i < std::min<int>(kPrefetchStreams, static_cast<int>(unique.size())); ++i) {
    threads.emplace_back(work);
  }
  work();
  threads.clear();
  return result;
}

absl::StatusOr<std::string> AgentTaskContext::Store(std::string_view bytes) {
  BlobRef blob = DescribeBytes(bytes);
  const absl::Status status = OfStore(blobs_.Upload(blob, bytes));
  if (!status.ok()) return status;
  return std::move(blob.sha256);
}

absl::StatusOr<std::string> AgentTaskContext::StoreFile(const fs::path& file) {
  absl::StatusOr<BlobFile> blob = DescribeFile(file);
  if (!blob.ok()) return blob.status();
  const absl::Status status = OfStore(blobs_.Upload(*blob));
  if (!status.ok()) return status;
  // The next task that wants it is likely to be this worker's.
  cache_.Keep(blob->blob.sha256, file);
  return std::move(blob->blob.sha256);
}

void AgentTaskContext::Report(const TaskProgress& progress) {
  keeper_.SetProgress(progress);
  if (setup_.observer) setup_.observer(progress);
}

absl::StatusOr<std::optional<fs::path>> AgentTaskContext::LoadCheckpoint() {
  if (checkpoint_.empty()) return std::nullopt;
  absl::StatusOr<fs::path> file = FetchFile(checkpoint_);
  if (file.ok()) return *std::move(file);
  if (!IsGone(file.status())) return file.status();
  spdlog::warn("{}; beginning anew", file.status().ToString());
  checkpoint_.clear();
  return std::nullopt;
}

absl::Status AgentTaskContext::SaveCheckpoint(const fs::path& file) {
  const absl::StatusOr<BlobFile> blob = DescribeFile(file);
  if (!blob.ok()) return blob.status();
  const absl::Status status = OfStore(checkpoints_.Upload(*blob));
  if (absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status)) {
    spdlog::warn("{}; going on without this checkpoint", status.ToString());
    return absl::OkStatus();
  }
  if (!status.ok()) return status;
  checkpoint_ = blob->blob.sha256;
  keeper_.AnnounceCheckpoint(checkpoint_);
  return status;
}

int64_t AgentTaskContext::bytes_sent() const {
  return blobs_.bytes_sent() + checkpoints_.bytes_sent();
}

int64_t AgentTaskContext::bytes_received() const { return blobs_.bytes_received(); }

}  // namespace alignflow
