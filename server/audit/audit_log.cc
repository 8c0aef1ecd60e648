#include "server/audit/audit_log.h"

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/steady_now.h"
#include "server/audit/audited_call.h"
#include "server/catalog/audit.h"
#include "spdlog/spdlog.h"

namespace alignflow {
namespace {

constexpr int64_t kRemovedPerStep = 1000;

std::string TextOf(const AuditRecord& record, bool with_resource) {
  return absl::StrCat(record.tenant, " ", record.key_id, " ", record.peer, " ", record.method, " ",
                      record.outcome, " ", with_resource ? record.resource : "");
}

}  // namespace

AuditLog::AuditLog(Catalog& catalog, ServerMetrics& metrics, std::function<AuditSecrets()> secrets)
    : catalog_(catalog), metrics_(metrics), secrets_(std::move(secrets)) {
  catalog_.set_before_commit([this](WritingSql& sql) { return BeforeCommit(sql); });
}

absl::Status AuditLog::BeforeCommit(WritingSql& sql) {
  const std::shared_ptr<AuditedCall> call = CurrentAuditedCall();
  if (call == nullptr || call->written) return absl::OkStatus();
  call->record.time = SteadyNow();
  try {
    AppendAuditRecord(sql, secrets_(), call->record);
  } catch (const std::exception&) {
    metrics_.CountAuditFailure();
    throw;  // the change is not made either
  }
  call->written = true;
  return absl::OkStatus();
}

AuditLog::Gathered& AuditLog::KindOf(Kinds& kinds, size_t most, const AuditRecord& record,
                                     absl::Time now, bool* is_new) {
  // What a failing call names is its caller's to make up.
  std::string text = TextOf(record, record.outcome == "OK");
  AuditRecord of_kind = record;
  if (!kinds.contains(text) && kinds.size() >= most) {
    of_kind = {.sequence = 0,
               .time = record.time,
               .tenant = "",
               .key_id = "",
               .peer = "",
               .method = "others",
               .resource = "",
               .outcome = record.outcome,
               .count = 1,
               .hash = ""};
    text = TextOf(of_kind, false);
  }
  const auto [at, added] = kinds.try_emplace(text);
  if (added) at->second = {.record = std::move(of_kind), .begun = now};
  *is_new = added;
  return at->second;
}

void AuditLog::Record(AuditRecord record, absl::Time now) {
  record.time = now;
  {
    absl::MutexLock lock(&mutex_);
    bool is_new = false;
    Gathered& kind = KindOf(calls_, kAuditKinds, record, now, &is_new);
    if (!is_new) {
      ++kind.count;
      if (kind.record.resource != record.resource) kind.record.resource.clear();
      return;
    }
    record = kind.record;
  }
  CountFailure(Append({std::move(record)}));
}

void AuditLog::NoteRefusal(AuditRecord record, absl::Time now) {
  record.time = now;
  absl::MutexLock lock(&mutex_);
  bool is_new = false;
  Gathered& kind = KindOf(refusals_, kRefusedKinds, record, now, &is_new);
  ++kind.count;
  kind.first = kind.first || is_new;
}

void AuditLog::Flush(absl::Time now, bool all) {
  std::vector<AuditRecord> due;
  {
    absl::MutexLock lock(&mutex_);
    for (Kinds* kinds : {&calls_, &refusals_}) {
      for (auto at = kinds->begin(); at != kinds->end();) {
        Gathered& kind = at->second;
        const bool over = all || now - kind.begun >= kAuditWindow;
        if ((over || kind.first) && kind.count > 0) {
          // One for the first alone, as it comes, and one for those that followed.
          kind.record.time = kind.first ? kind.record.time : now;
          kind.record.count = kind.count;
          due.push_back(kind.record);
          kind.count = 0;
          kind.first = false;
        }
        at = over ? kinds->erase(at) : std::next(at);
      }
    }
  }
  if (!due.empty()) CountFailure(Append(due));
}

absl::Status AuditLog::Append(const std::vector<AuditRecord>& records) {
  const AuditSecrets secrets = secrets_();
  return catalog_.Transact([&](WritingSql& sql) {
    for (const AuditRecord& record : records) AppendAuditRecord(sql, secrets, record);
    return absl::OkStatus();
  });
}

void AuditLog::CountFailure(const absl::Status& status) {
  if (status.ok()) return;
  metrics_.CountAuditFailure();
  spdlog::error("a call is not in the audit records: {}", std::string(status.message()));
}

absl::Status AuditLog::RemoveOld(absl::Duration keep, absl::Time now) {
  const absl::Time cutoff = now - keep;
  bool any = false;
  absl::Status status = catalog_.Read([&](Sql& sql) {
    const AuditEnds ends = AuditEndsOf(sql);
    const std::vector<AuditRecord> oldest =
        ListAuditRecords(sql, {.after = ends.first - 1, .since = absl::InfinitePast(), .limit = 1});
    any = ends.last - ends.first + 1 > kMostAuditRecords ||
          (!oldest.empty() && oldest.front().time < cutoff);
    return absl::OkStatus();
  });
  if (!status.ok() || !any) return status;
  return catalog_.Transact([&](WritingSql& sql) {
    RemoveAuditRecords(sql, secrets_(), cutoff, kMostAuditRecords, kRemovedPerStep);
    return absl::OkStatus();
  });
}

}  // namespace alignflow
