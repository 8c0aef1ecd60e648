#include "common/audit_chain.h"

#include "absl/strings/str_cat.h"
#include "common/digest.h"

namespace alignflow {

std::string NoAuditHash() { return std::string(64, '0'); }

std::string AuditHash(const std::string& previous, const AuditRecord& record) {
  Sha256 sha256;
  const auto add = [&](const std::string& field) {
    sha256.Update(absl::StrCat(field.size(), ":"));
    sha256.Update(field);
  };
  add(previous);
  add(absl::StrCat(record.sequence));
  add(absl::StrCat(absl::ToUnixMicros(record.time)));
  add(record.tenant);
  add(record.key_id);
  add(record.peer);
  add(record.method);
  add(record.resource);
  add(record.outcome);
  add(absl::StrCat(record.count));
  return sha256.Finish();
}

absl::Status AuditVerifier::Add(const AuditRecord& record) {
  if (record.sequence > expected_) {
    return absl::DataLossError(
        record.sequence == expected_ + 1
            ? absl::StrCat("record ", expected_, " is missing, or stands elsewhere")
            : absl::StrCat("records ", expected_, " to ", record.sequence - 1,
                           " are missing, or stand elsewhere"));
  }
  if (record.sequence < expected_) {
    return absl::DataLossError(absl::StrCat("record ", record.sequence, " stands after record ",
                                            expected_ - 1, ": it was moved, or is there twice"));
  }
  const std::string hash = AuditHash(previous_, record);
  if (record.hash != hash) {
    return absl::DataLossError(absl::StrCat("record ", record.sequence, " was changed"));
  }
  previous_ = hash;
  ++expected_;
  return absl::OkStatus();
}

absl::Status AuditVerifier::Finish(int64_t last, const std::string& hash) const {
  if (last > this->last()) {
    return absl::DataLossError(
        absl::StrCat("records are missing at the end: from ", expected_, " to ", last));
  }
  if (last < this->last() || hash != previous_) {
    return absl::DataLossError(
        absl::StrCat("record ", this->last(), " is not the end that was noted"));
  }
  return absl::OkStatus();
}

}  // namespace alignflow
