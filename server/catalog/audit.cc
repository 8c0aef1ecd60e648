#include "server/catalog/audit.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "server/access/server_secrets.h"
#include "server/catalog/columns.h"
#include "server/catalog/soci.h"

namespace alignflow {
namespace {

std::string SealOf(const AuditEnds& ends, const std::string& secret) {
  return HmacSha256(secret, absl::StrCat("audit ", ends.first, " ", ends.before_first, " ",
                                         ends.last, " ", ends.last_hash));
}

int64_t CountOf(Sql& sql, const char* query) {
  int64_t count = 0;
  sql << query, soci::into(count);
  return count;
}

bool HoldsSeal(Sql& sql, const AuditEnds& ends, const AuditSecrets& secrets) {
  const int64_t first = CountOf(sql, "SELECT COALESCE(MIN(sequence), 0) FROM audit_records");
  const int64_t last = CountOf(sql, "SELECT COALESCE(MAX(sequence), 0) FROM audit_records");
  const bool none = ends.last < ends.first;
  const bool there = none ? last == 0 : first == ends.first && last == ends.last;
  if (!there) return false;
  // Nothing has been recorded yet.
  if (ends.seal.empty()) return ends.first == 1 && ends.last == 0;
  return std::ranges::any_of(secrets, [&](const std::string& secret) {
    return EqualInConstantTime(ends.seal, SealOf(ends, secret));
  });
}

// Writes new ends in the place of those that were sealed or not.
void SetEnds(Sql& sql, AuditEnds& ends, bool sealed, const AuditSecrets& secrets) {
  ends.seal = sealed ? SealOf(ends, secrets.front()) : "broken";
  sql << "INSERT INTO audit_ends (id, first, before_first, last, last_hash, seal) VALUES (1, "
         ":first, :before, :last, :hash, :seal) ON CONFLICT (id) DO UPDATE SET first = "
         "excluded.first, before_first = excluded.before_first, last = excluded.last, last_hash = "
         "excluded.last_hash, seal = excluded.seal",
      soci::use(ends.first), soci::use(ends.before_first), soci::use(ends.last),
      soci::use(ends.last_hash), soci::use(ends.seal);
}

}  // namespace

AuditEnds AuditEndsOf(Sql& sql) {
  AuditEnds ends{
      .first = 1, .before_first = NoAuditHash(), .last = 0, .last_hash = NoAuditHash(), .seal = ""};
  sql << "SELECT first, before_first, last, last_hash, seal FROM audit_ends WHERE id = 1",
      soci::into(ends.first), soci::into(ends.before_first), soci::into(ends.last),
      soci::into(ends.last_hash), soci::into(ends.seal);
  return ends;
}

bool IsSealed(Sql& sql, const AuditSecrets& secrets) {
  return HoldsSeal(sql, AuditEndsOf(sql), secrets);
}

void AppendAuditRecord(WritingSql& writing, const AuditSecrets& secrets, AuditRecord record) {
  Sql& sql = writing;
  AuditEnds ends = AuditEndsOf(sql);
  const bool sealed = HoldsSeal(sql, ends, secrets);
  record.sequence = ends.last + 1;
  const int64_t time = ToColumn(record.time);
  record.time = TimeOf(time);
  record.hash = AuditHash(ends.last_hash, record);
  sql << "INSERT INTO audit_records (sequence, time, tenant, key_id, peer, method, resource, "
         "outcome, count, hash) VALUES (:sequence, :time, :tenant, :key, :peer, :method, "
         ":resource, :outcome, :count, :hash)",
      soci::use(record.sequence), soci::use(time), soci::use(record.tenant),
      soci::use(record.key_id), soci::use(record.peer), soci::use(record.method),
      soci::use(record.resource), soci::use(record.outcome), soci::use(record.count),
      soci::use(record.hash);
  ends.last = record.sequence;
  ends.last_hash = record.hash;
  SetEnds(sql, ends, sealed, secrets);
}

std::vector<AuditRecord> ListAuditRecords(Sql& sql, const AuditQuery& query) {
  int64_t after = query.after;
  // Also where the clock was set back meanwhile: from the first that is not older on.
  if (query.since != absl::InfinitePast()) {
    const int64_t since = ToColumn(query.since);
    int64_t first = INT64_MAX;
    sql << "SELECT COALESCE(MIN(sequence), 9223372036854775807) FROM audit_records WHERE time >= "
           ":since",
        soci::use(since), soci::into(first);
    after = std::max(after, first - 1);
  }
  AuditRecord row;
  int64_t time = 0;
  soci::statement select =
      (sql.prepare << "SELECT sequence, time, tenant, key_id, peer, method, resource, outcome, "
                      "count, hash FROM audit_records WHERE sequence > :after ORDER BY sequence "
                      "LIMIT :limit",
       soci::use(after), soci::use(query.limit), soci::into(row.sequence), soci::into(time),
       soci::into(row.tenant), soci::into(row.key_id), soci::into(row.peer), soci::into(row.method),
       soci::into(row.resource), soci::into(row.outcome), soci::into(row.count),
       soci::into(row.hash));
  select.execute();
  std::vector<AuditRecord> records;
  while (select.fetch()) {
    row.time = TimeOf(time);
    records.push_back(row);
  }
  return records;
}

std::string AuditHashOf(Sql& sql, int64_t sequence) {
  const AuditEnds ends = AuditEndsOf(sql);
  if (sequence == ends.first - 1) return ends.before_first;
  std::string hash;
  sql << "SELECT hash FROM audit_records WHERE sequence = :sequence", soci::use(sequence),
      soci::into(hash);
  return hash;
}

int64_t RemoveAuditRecords(WritingSql& writing, const AuditSecrets& secrets, absl::Time cutoff,
                           int64_t most, int64_t limit) {
  Sql& sql = writing;
  AuditEnds ends = AuditEndsOf(sql);
  const bool sealed = HoldsSeal(sql, ends, secrets);
  const int64_t kept = ends.last - ends.first + 1;
  int64_t excess = std::clamp<int64_t>(kept - most, 0, limit);
  if (cutoff > absl::UnixEpoch()) {
    // The oldest ones, up to the first that is not old enough.
    const int64_t time = ToColumn(cutoff), end = ends.first + limit;
    int64_t young = end;
    sql << "SELECT COALESCE(MIN(sequence), :end) FROM audit_records WHERE sequence < :end AND time "
           ">= :time",
        soci::use(end, "end"), soci::use(time, "time"), soci::into(young);
    excess = std::max(excess, std::min(young, ends.last + 1) - ends.first);
  }
  if (excess <= 0) return 0;
  const int64_t first = ends.first + excess;
  const std::string before = AuditHashOf(sql, first - 1);
  sql << "DELETE FROM audit_records WHERE sequence < :first", soci::use(first);
  ends.first = first;
  ends.before_first = before;
  SetEnds(sql, ends, sealed, secrets);
  return excess;
}

}  // namespace alignflow
