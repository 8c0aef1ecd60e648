#ifndef ALIGNFLOW_TESTS_WORKER_TASKS_FAKE_CONTEXT_H_
#define ALIGNFLOW_TESTS_WORKER_TASKS_FAKE_CONTEXT_H_

#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>
#include <vector>

#include "worker/tasks/task.h"

namespace alignflow {

// Blobs as files of one folder. Blobs outlive a context, so that a chain of tasks, each with a
// context of its own, hands them on as a job does.
class FakeBlobs {
 public:
  explicit FakeBlobs(std::filesystem::path folder) : folder_(std::move(folder)) {
    std::filesystem::create_directories(folder_);
  }

  std::string Put(std::string_view bytes) {
    const std::string digest = NameOf(bytes);
    std::ofstream(folder_ / digest, std::ios::binary) << bytes;
    return digest;
  }
  std::filesystem::path PathOf(const std::string& digest) const { return folder_ / digest; }
  std::string Read(const std::string& digest) const { return ReadFile(PathOf(digest)); }

  static std::string ReadFile(const std::filesystem::path& file) {
    std::ifstream stream(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
  }

 private:
  // 64 hexadecimal digits that depend on every byte; equal bytes give equal names.
  static std::string NameOf(std::string_view bytes) {
    std::string name;
    for (uint64_t lane = 1; lane <= 4; ++lane) {
      uint64_t hash = 14695981039346656037ULL * lane;
      for (const char byte : bytes) {
        hash = (hash ^ static_cast<uint8_t>(byte)) * 1099511628211ULL;
        hash ^= hash >> 29;
      }
      char text[17];
      std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(hash));
      name += text;
    }
    return name;
  }

  std::filesystem::path folder_;
};

class FakeContext : public TaskContext {
 public:
  FakeContext(FakeBlobs& blobs, std::filesystem::path scratch)
      : blobs_(blobs), scratch_(std::move(scratch)) {
    std::filesystem::create_directories(scratch_);
  }

  absl::StatusOr<std::filesystem::path> Fetch(const std::string& digest) override {
    if (!std::filesystem::exists(blobs_.PathOf(digest))) return absl::NotFoundError(digest);
    return blobs_.PathOf(digest);
  }
  absl::Status Prefetch(const std::vector<std::string>& digests) override {
    for (const std::string& digest : digests) {
      if (auto file = Fetch(digest); !file.ok()) return file.status();
    }
    return absl::OkStatus();
  }
  absl::StatusOr<std::string> Store(std::string_view bytes) override { return blobs_.Put(bytes); }
  absl::StatusOr<std::string> StoreFile(const std::filesystem::path& file) override {
    return blobs_.Put(FakeBlobs::ReadFile(file));
  }
  void Report(const TaskProgress& progress) override {
    reports.push_back(progress);
    if (progress.step >= cancel_at) cancelled = true;
  }
  bool Cancelled() const override { return cancelled; }
  absl::StatusOr<std::optional<std::filesystem::path>> LoadCheckpoint() override {
    return checkpoint;
  }
  absl::Status SaveCheckpoint(const std::filesystem::path& file) override {
    const std::filesystem::path kept = scratch_ / "kept-checkpoint";
    std::filesystem::copy_file(file, kept, std::filesystem::copy_options::overwrite_existing);
    checkpoint = kept;
    return absl::OkStatus();
  }
  std::filesystem::path scratch() const override { return scratch_; }
  std::string device() const override { return "cpu"; }
  std::filesystem::path models_dir() const override { return models; }
  std::filesystem::path bundled_models_dir() const override { return bundled_models; }

  std::vector<TaskProgress> reports;
  int64_t cancel_at = INT64_MAX;  // reported step after which the task is cancelled
  bool cancelled = false;
  std::filesystem::path models, bundled_models;
  std::optional<std::filesystem::path> checkpoint;

 private:
  FakeBlobs& blobs_;
  std::filesystem::path scratch_;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_TESTS_WORKER_TASKS_FAKE_CONTEXT_H_
