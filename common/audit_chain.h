#ifndef ALIGNFLOW_COMMON_AUDIT_CHAIN_H_
#define ALIGNFLOW_COMMON_AUDIT_CHAIN_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"

// Who did what, as records each of which holds the one before it by its hash: a record that was
// changed, removed or moved breaks the chain (proto/alignflow/v1/admin.proto, AuditRecord). Pure.
namespace alignflow {

struct AuditRecord {
  int64_t sequence = 0;  // from 1 on
  absl::Time time = absl::UnixEpoch();
  std::string tenant, key_id, peer;
  std::string method;    // "/alignflow.v1.Jobs/CreateJob"
  std::string resource;  // "jobs/x"
  std::string outcome;   // "OK", "NOT_FOUND"
  int64_t count = 1;     // calls that it stands for
  std::string hash;      // 64 hexadecimal digits
};

// What stands for the hash before the first record.
std::string NoAuditHash();

// The record's hash, from that of the one before it and all its fields but `hash`.
std::string AuditHash(const std::string& previous, const AuditRecord& record);

// Holds records, in the order in which they are kept, to their chain. Not thread-safe.
class AuditVerifier {
 public:
  // From the record `first` on; `previous` is the hash of the one before it.
  AuditVerifier(int64_t first, std::string previous)
      : expected_(first), previous_(std::move(previous)) {}

  // The next record. DataLoss, naming the record that was changed, removed or moved; once only.
  absl::Status Add(const AuditRecord& record);
  // There are no more. DataLoss if `last`, whose hash is `hash`, is not the last that came.
  absl::Status Finish(int64_t last, const std::string& hash) const;

  // Of the last record that came.
  int64_t last() const { return expected_ - 1; }
  const std::string& hash() const { return previous_; }

 private:
  int64_t expected_;
  std::string previous_;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_COMMON_AUDIT_CHAIN_H_
