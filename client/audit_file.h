#ifndef ALIGNFLOW_CLIENT_AUDIT_FILE_H_
#define ALIGNFLOW_CLIENT_AUDIT_FILE_H_

#include <cstdint>
#include <istream>
#include <string>

#include "absl/status/statusor.h"
#include "common/audit_chain.h"

// Audit records as JSON lines: a first line that says where they start, one for each, and a last
// line that says where they end:
//   {"start":1,"previous":"000..."}
//   {"sequence":1,"time":"2026-11-26T12:00:00.000001Z","tenant":"default",...,"hash":"..."}
//   {"end":1,"hash":"..."}
namespace alignflow {

std::string AuditStartLine(int64_t first, const std::string& previous);
std::string AuditLine(const AuditRecord& record);
std::string AuditEndLine(int64_t last, const std::string& hash);

struct AuditSpan {
  int64_t first = 1, last = 0;
  std::string last_hash;
};
// Holds such a file to its chain. DataLoss, naming the line and the record, for one that was
// changed, removed or moved, or whose end is cut off.
absl::StatusOr<AuditSpan> VerifyAuditLines(std::istream& lines);

}  // namespace alignflow

#endif  // ALIGNFLOW_CLIENT_AUDIT_FILE_H_
