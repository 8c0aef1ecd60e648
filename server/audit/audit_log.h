#ifndef ALIGNFLOW_SERVER_AUDIT_AUDIT_LOG_H_
#define ALIGNFLOW_SERVER_AUDIT_AUDIT_LOG_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/audit_chain.h"
#include "server/catalog/audit.h"
#include "server/catalog/catalog.h"
#include "server/metrics.h"

namespace alignflow {

// Reads and failures that are alike are gathered for so long after the first was recorded, and then
// recorded as one.
inline constexpr absl::Duration kAuditWindow = absl::Minutes(1);
// Different ones that are gathered at a time; further ones are counted together. Of refused calls,
// which may come from anybody, few: a flood fills no disk.
inline constexpr size_t kAuditKinds = 1000, kRefusedKinds = 5;
// More records than these are never kept.
inline constexpr int64_t kMostAuditRecords = 1'000'000;

// The record of who did what (common/audit_chain.h). Changes are recorded in their own first
// transaction: neither is there without the other. Thread-safe.
class AuditLog {
 public:
  // `secrets` gives the server secrets. All must outlive the log. Once for a catalog, before it is
  // shared.
  AuditLog(Catalog& catalog, ServerMetrics& metrics, std::function<AuditSecrets()> secrets);
  AuditLog(const AuditLog&) = delete;
  AuditLog& operator=(const AuditLog&) = delete;

  // Records a read, a failure, or a change that had no transaction, in one of its own; or gathers
  // it. An error is counted and logged: such calls go on without.
  void Record(AuditRecord record, absl::Time now);
  // Gathers a call that was refused. Waits for nothing; a Flush records it.
  void NoteRefusal(AuditRecord record, absl::Time now);
  // Records what has been gathered and is due, or all of it. Called every second.
  void Flush(absl::Time now, bool all = false);
  // Removes some of the records that are older than `keep`. Called every second.
  absl::Status RemoveOld(absl::Duration keep, absl::Time now);

 private:
  struct Gathered {
    AuditRecord record;
    absl::Time begun;
    int64_t count = 0;   // calls that are not recorded yet
    bool first = false;  // the first one is among them
  };
  using Kinds = std::map<std::string, Gathered>;

  absl::Status BeforeCommit(WritingSql& sql);
  // The kind that the record belongs to, and whether that is new.
  static Gathered& KindOf(Kinds& kinds, size_t most, const AuditRecord& record, absl::Time now,
                          bool* is_new);
  absl::Status Append(const std::vector<AuditRecord>& records);
  void CountFailure(const absl::Status& status);

  Catalog& catalog_;
  ServerMetrics& metrics_;
  const std::function<AuditSecrets()> secrets_;
  absl::Mutex mutex_;
  Kinds calls_ ABSL_GUARDED_BY(mutex_), refusals_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_AUDIT_AUDIT_LOG_H_
