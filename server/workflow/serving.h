#ifndef ALIGNFLOW_SERVER_WORKFLOW_SERVING_H_
#define ALIGNFLOW_SERVER_WORKFLOW_SERVING_H_

#include <atomic>
#include <cstdint>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace alignflow {

enum class ServingState { kServing, kDraining, kNoCatalog, kDiskLow, kBlobsDown };

// Whether the coordinator takes new work. A coordinator that does not takes no jobs and no
// datasets, hands out no tasks, and is unhealthy to gRPC's health service. Thread-safe.
class Serving {
 public:
  // Less free space than `disk_reserve` bytes is kept for what runs already.
  explicit Serving(int64_t disk_reserve) : disk_reserve_(disk_reserve) {}

  // From now on and for good.
  void Drain() { draining_ = true; }
  void SetFreeDisk(int64_t bytes) { free_disk_ = bytes; }
  // Whether the catalog's database answers.
  void SetCatalogAnswers(bool answers) { catalog_answers_ = answers; }

  // Whether what the blobs are kept in answers: an error's message says what is wrong.
  void SetBlobs(const absl::Status& health);

  ServingState state() const {
    if (draining_) return ServingState::kDraining;
    if (!catalog_answers_) return ServingState::kNoCatalog;
    if (blobs_down_) return ServingState::kBlobsDown;
    return free_disk_ < disk_reserve_ ? ServingState::kDiskLow : ServingState::kServing;
  }
  // When the certificate runs out that clients are shown; InfiniteFuture: there is none.
  void SetCertificateEnd(absl::Time end) { certificate_end_ = end; }
  absl::Time certificate_end() const { return certificate_end_; }
  int64_t free_disk() const { return free_disk_; }
  int64_t disk_reserve() const { return disk_reserve_; }

  // Why not, for people, with the remedy; empty while it serves.
  std::string Reason() const;
  // Unavailable while it closes or the database or the blobs' store does not answer,
  // ResourceExhausted while the disk is low.
  absl::Status CheckTakesWork() const;

 private:
  const int64_t disk_reserve_;
  std::atomic<int64_t> free_disk_ = INT64_MAX;
  std::atomic<absl::Time> certificate_end_ = absl::InfiniteFuture();
  std::atomic<bool> draining_ = false;
  std::atomic<bool> blobs_down_ = false;
  mutable absl::Mutex mutex_;
  std::string blobs_error_ ABSL_GUARDED_BY(mutex_);
  std::atomic<bool> catalog_answers_ = true;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_WORKFLOW_SERVING_H_
