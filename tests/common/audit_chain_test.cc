#include "common/audit_chain.h"

#include <functional>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace alignflow {
namespace {

using testing::HasSubstr;

AuditRecord Record(int64_t sequence) {
  return {.sequence = sequence,
          .time = absl::FromUnixMicros(1'000'000 + sequence),
          .tenant = "radiology",
          .key_id = "0123456789ab",
          .peer = "10.0.0.5",
          .method = "/alignflow.v1.Jobs/CreateJob",
          .resource = absl::StrCat("jobs/", sequence),
          .outcome = "OK",
          .count = 1,
          .hash = ""};
}

std::vector<AuditRecord> Chain(int64_t count) {
  std::vector<AuditRecord> records;
  std::string hash = NoAuditHash();
  for (int64_t i = 1; i <= count; ++i) {
    records.push_back(Record(i));
    hash = records.back().hash = AuditHash(hash, records.back());
  }
  return records;
}

absl::Status Verify(const std::vector<AuditRecord>& records, const AuditRecord& last) {
  AuditVerifier verifier(1, NoAuditHash());
  for (const AuditRecord& record : records) {
    absl::Status status = verifier.Add(record);
    if (!status.ok()) return status;
  }
  return verifier.Finish(last.sequence, last.hash);
}

TEST(AuditChainTest, WhatWasWrittenHolds) {
  const std::vector<AuditRecord> records = Chain(1000);
  EXPECT_EQ(Verify(records, records.back()), absl::OkStatus());
}

TEST(AuditChainTest, EachChangeOfOneFieldIsFoundAndNamed) {
  const std::vector<AuditRecord> records = Chain(10);
  const std::vector<std::function<void(AuditRecord&)>> changes = {
      [](AuditRecord& record) { record.time += absl::Microseconds(1); },
      [](AuditRecord& record) { record.tenant = "surgery"; },
      [](AuditRecord& record) { record.key_id = ""; },
      [](AuditRecord& record) { record.peer += "0"; },
      [](AuditRecord& record) { record.method = "/alignflow.v1.Jobs/DeleteJob"; },
      [](AuditRecord& record) { record.resource += "x"; },
      [](AuditRecord& record) { record.outcome = "NOT_FOUND"; },
      [](AuditRecord& record) { record.count = 2; },
      [](AuditRecord& record) { record.hash = NoAuditHash(); },
      // What one field loses another gains.
      [](AuditRecord& record) {
        record.tenant = "radiolog";
        record.key_id = "y0123456789ab";
      },
      // Whoever knows the rule has to change all that follow.
      [](AuditRecord& record) {
        record.peer = "10.0.0.6";
        record.hash = AuditHash(NoAuditHash(), record);
      }};
  for (const auto& change : changes) {
    for (size_t i = 0; i < records.size(); ++i) {
      std::vector<AuditRecord> changed = records;
      change(changed[i]);
      const absl::Status status = Verify(changed, records.back());
      EXPECT_TRUE(absl::IsDataLoss(status));
      if (changed[i].hash == records[i].hash) {
        EXPECT_THAT(std::string(status.message()), HasSubstr(absl::StrCat("record ", i + 1, " ")));
      }
    }
  }
}

TEST(AuditChainTest, ARemovedMovedOrRepeatedRecordIsFoundAndNamed) {
  const std::vector<AuditRecord> records = Chain(20);
  for (size_t i = 0; i < records.size(); ++i) {
    std::vector<AuditRecord> changed = records;
    changed.erase(changed.begin() + static_cast<int64_t>(i));
    EXPECT_THAT(std::string(Verify(changed, records.back()).message()),
                testing::AnyOf(HasSubstr(absl::StrCat("record ", i + 1, " is missing")),
                               HasSubstr("missing at the end")));
    changed = records;
    changed.insert(changed.begin() + static_cast<int64_t>(i), records[i]);
    EXPECT_THAT(std::string(Verify(changed, records.back()).message()),
                HasSubstr(absl::StrCat("record ", i + 1, " stands after")));
    if (i + 1 == records.size()) continue;
    changed = records;
    std::swap(changed[i], changed[i + 1]);
    EXPECT_TRUE(absl::IsDataLoss(Verify(changed, records.back())));
  }
  std::vector<AuditRecord> cut = records;
  cut.resize(15);
  EXPECT_THAT(std::string(Verify(cut, records.back()).message()), HasSubstr("from 16 to 20"));
}

}  // namespace
}  // namespace alignflow
