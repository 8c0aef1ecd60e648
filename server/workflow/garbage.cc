// How blobs that nothing refers to any more are let go.
#include <cstdlib>
#include <optional>
#include <string>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/escaping.h"
#include "server/catalog/results.h"
#include "server/catalog/tasks.h"
#include "server/workflow/workflow.h"

namespace alignflow {
namespace {

// Rows read in one transaction while garbage is collected.
constexpr int kReferencesPerStep = 5000;

// The first 64 bits of a digest. There may be millions, so this is what is remembered of each; a
// blob that begins like another's digest is merely kept.
uint64_t StartOf(const std::string& blob) {
  return std::strtoull(blob.substr(0, 16).c_str(), nullptr, 16);
}

}  // namespace

void Workflow::ReleaseCheckpoint(const std::string& blob) {
  if (blob.empty()) return;
  bool in_use = true;
  absl::Status status = catalog_.Transact([&](WritingSql& sql) {
    in_use = TasksReferTo(sql, blob);
    return absl::OkStatus();
  });
  // An error leaves it to the collection of garbage.
  if (status.ok() && !in_use) blobs_.Remove(blob);
}

absl::StatusOr<bool> Workflow::OwnerLives(const BlobOwner& owner, absl::Time renewed,
                                          absl::Time now) {
  if (!owner.upload.empty()) return now - renewed < kUploadPatience;
  bool lives = false;
  absl::Status status = catalog_.Read([&](Sql& sql) {
    const std::optional<TaskRecord> task = FindTask(sql, owner.task_key);
    lives = task && LeaseLives(*task, owner.attempt, now);
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  return lives;
}

absl::StatusOr<BlobStore::Garbage> Workflow::CollectGarbage(absl::Time cutoff, absl::Time now) {
  const absl::flat_hash_set<std::string> referenced =
      blobs_.owners().Collect([&](const BlobOwner& owner, absl::Time renewed) {
        const absl::StatusOr<bool> lives = OwnerLives(owner, renewed, now);
        return !lives.ok() || *lives;
      });
  absl::flat_hash_set<uint64_t> in_catalog;
  ReferenceCursor cursor;
  for (bool more = true; more;) {
    absl::Status status = catalog_.Read([&](Sql& sql) {
      more = VisitReferences(sql, kReferencesPerStep, cursor,
                             [&](const std::string& blob) { in_catalog.insert(StartOf(blob)); });
      return absl::OkStatus();
    });
    if (!status.ok()) return status;
  }
  const auto is_referenced = [&](const std::string& blob) {
    return IsSha256Hex(blob) && (in_catalog.contains(StartOf(blob)) ||
                                 referenced.contains(absl::HexStringToBytes(blob)));
  };
  const BlobStore::Garbage garbage = blobs_.CollectGarbage(is_referenced, cutoff);
  metrics_.SetBlobs(garbage.blobs - garbage.removed, garbage.orphans);
  return garbage;
}

}  // namespace alignflow
