#ifndef ALIGNFLOW_SERVER_CATALOG_AUDIT_H_
#define ALIGNFLOW_SERVER_CATALOG_AUDIT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "common/audit_chain.h"
#include "server/catalog/catalog.h"

// The chain of audit records. Rows are only added at its end and removed at its start. Where it
// starts and ends is kept beside it under an HMAC of the server secret, so that a cut end shows.
// Within Catalog::Transact and CatalogReader::Read only.
namespace alignflow {

struct AuditEnds {
  int64_t first = 1;         // the oldest record that is kept
  std::string before_first;  // the hash of the one before it
  int64_t last = 0;          // the newest; first - 1 if none is kept
  std::string last_hash;
  std::string seal;  // over the four
};
AuditEnds AuditEndsOf(Sql& sql);
// The server secrets, the current one first: what it seals, each of them unlocks.
using AuditSecrets = std::vector<std::string>;

// Whether the ends are those of the rows that are there, and sealed with one of the secrets. Once
// they are not they never are again: no record that is added hides what was done.
bool IsSealed(Sql& sql, const AuditSecrets& secrets);

// Adds a record at the end. Its sequence and hash are set here.
void AppendAuditRecord(WritingSql& sql, const AuditSecrets& secrets, AuditRecord record);

struct AuditQuery {
  int64_t after = 0;  // a sequence
  absl::Time since = absl::InfinitePast();
  int limit = 100;
};
std::vector<AuditRecord> ListAuditRecords(Sql& sql, const AuditQuery& query);
// The hash of a record, or of the one before the first that is kept; empty if it is neither.
std::string AuditHashOf(Sql& sql, int64_t sequence);

// Removes the oldest records from before `cutoff`, and those beyond the newest `most`; at most
// `limit`. Returns how many.
int64_t RemoveAuditRecords(WritingSql& sql, const AuditSecrets& secrets, absl::Time cutoff,
                           int64_t most, int64_t limit);

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_CATALOG_AUDIT_H_
