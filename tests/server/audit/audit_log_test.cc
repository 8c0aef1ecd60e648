#include "server/audit/audit_log.h"

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/steady_now.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/audit/audited_call.h"
#include "server/catalog/soci.h"
#include "tests/common/temp_folder.h"
#include "tests/server/test_database.h"

namespace alignflow {
namespace {

using testing::ElementsAre;

const absl::Time kAuditNow = absl::FromUnixSeconds(1'790'000'000);
const AuditSecrets kSecrets = {std::string(64, 'a')};

AuditRecord Read(const std::string& resource, const std::string& outcome = "OK") {
  AuditRecord record;
  record.tenant = "default";
  record.key_id = "0123456789ab";
  record.peer = "10.0.0.5";
  record.method = "/alignflow.v1.Jobs/GetReport";
  record.resource = resource;
  record.outcome = outcome;
  return record;
}

class AuditLogTest : public testing::Test {
 protected:
  std::vector<AuditRecord> Records(absl::Time since = absl::InfinitePast()) {
    std::vector<AuditRecord> records;
    EXPECT_EQ(catalog_->Read([&](Sql& sql) {
      records = ListAuditRecords(sql, {.after = 0, .since = since, .limit = 1'000'000});
      return absl::OkStatus();
    }),
              absl::OkStatus());
    return records;
  }
  // Whether chain and seal hold.
  absl::Status Verify(const AuditSecrets& secrets = kSecrets) {
    AuditEnds ends;
    bool sealed = false;
    EXPECT_EQ(catalog_->Read([&](Sql& sql) {
      ends = AuditEndsOf(sql);
      sealed = IsSealed(sql, secrets);
      return absl::OkStatus();
    }),
              absl::OkStatus());
    AuditVerifier verifier(ends.first, ends.before_first);
    for (const AuditRecord& record : Records()) {
      absl::Status status = verifier.Add(record);
      if (!status.ok()) return status;
    }
    absl::Status status = verifier.Finish(ends.last, ends.last_hash);
    if (status.ok() && !sealed) return absl::DataLossError("not sealed");
    return status;
  }
  void Tamper(const std::string& statement) {
    ASSERT_EQ(place_.Change([&](WritingSql& writing) {
      Sql& sql = writing;
      sql << statement;
      return absl::OkStatus();
    }),
              absl::OkStatus());
  }
  // A change of a call, whose body ends so.
  absl::Status Change(const absl::Status& body) {
    return catalog_->Transact([&](WritingSql&) { return body; });
  }

  TempFolder folder_;
  const std::filesystem::path file_ = folder_.path() / "catalog.sqlite";
  const TestCatalog place_{file_};
  std::unique_ptr<Catalog> catalog_ = place_.Open();
  ServerMetrics metrics_;
  AuditLog log_{*catalog_, metrics_, [] { return kSecrets; }};
};

TEST_F(AuditLogTest, AChangeAndItsRecordAreThereTogetherOrNotAtAll) {
  const auto call = std::make_shared<AuditedCall>();
  call->record = Read("");
  EXPECT_EQ(Change(absl::OkStatus()), absl::OkStatus());  // of no call
  SetAuditedCall(call);
  EXPECT_TRUE(absl::IsAborted(Change(absl::AbortedError("no"))));
  EXPECT_THAT(Records(), testing::IsEmpty());
  EXPECT_EQ(catalog_->Transact([&](WritingSql&) {
    NameAuditedResource("jobs/a");
    return absl::OkStatus();
  }),
            absl::OkStatus());
  EXPECT_EQ(Change(absl::OkStatus()), absl::OkStatus());  // further steps of the same call
  SetAuditedCall(nullptr);
  EXPECT_EQ(Change(absl::OkStatus()), absl::OkStatus());
  ASSERT_EQ(Records().size(), 1u);
  EXPECT_EQ(Records()[0].resource, "jobs/a");
  EXPECT_EQ(Verify(), absl::OkStatus());
}

TEST_F(AuditLogTest, AChangeThatCannotBeRecordedIsNotMade) {
  Tamper("DROP TABLE audit_records");
  const auto call = std::make_shared<AuditedCall>();
  SetAuditedCall(call);
  EXPECT_FALSE(catalog_
                   ->Transact([](WritingSql& writing) {
                     Sql& sql = writing;
                     sql << "INSERT INTO left_tasks (task_key) VALUES ('x')";
                     return absl::OkStatus();
                   })
                   .ok());
  SetAuditedCall(nullptr);
  EXPECT_EQ(catalog_->Read([](Sql& sql) {
    int count = 0;
    sql << "SELECT COUNT(*) FROM left_tasks", soci::into(count);
    EXPECT_EQ(count, 0);
    return absl::OkStatus();
  }),
            absl::OkStatus());
}

TEST_F(AuditLogTest, ReadsThatAreAlikeAreOneRecordForTheFirstAndOneForTheRest) {
  for (int i = 0; i < 50; ++i) log_.Record(Read("jobs/a"), kAuditNow + absl::Seconds(i));
  log_.Record(Read("jobs/b"), kAuditNow + absl::Seconds(50));
  std::vector<AuditRecord> records = Records();
  ASSERT_EQ(records.size(), 2u);
  log_.Flush(kAuditNow + absl::Seconds(55));
  EXPECT_EQ(Records().size(), 2u);
  log_.Flush(kAuditNow + absl::Seconds(60));
  records = Records();
  ASSERT_EQ(records.size(), 3u);
  EXPECT_EQ(records[2].resource, "jobs/a");
  EXPECT_EQ(records[2].count, 49);
  log_.Flush(kAuditNow + absl::Hours(1));
  log_.Record(Read("jobs/a"), kAuditNow + absl::Hours(2));
  EXPECT_EQ(Records().size(), 4u);
  EXPECT_EQ(Verify(), absl::OkStatus());
}

TEST_F(AuditLogTest, AFloodOfFailuresAndRefusalsIsCountedAndFillsNothing) {
  for (int i = 0; i < 5000; ++i) {
    log_.Record(Read(absl::StrCat("jobs/", i), "NOT_FOUND"), kAuditNow);
    AuditRecord refused = Read("", "UNAUTHENTICATED");
    refused.key_id = absl::StrCat("made-up-", i);
    log_.NoteRefusal(refused, kAuditNow);
  }
  log_.Flush(kAuditNow);
  log_.Flush(kAuditNow + kAuditWindow);
  std::map<std::string, int64_t> calls;
  for (const AuditRecord& record : Records()) calls[record.outcome] += record.count;
  EXPECT_THAT(
      calls, ElementsAre(testing::Pair("NOT_FOUND", 5000), testing::Pair("UNAUTHENTICATED", 5000)));
  EXPECT_LT(Records().size(), 12u);
  EXPECT_EQ(Verify(), absl::OkStatus());
}

TEST_F(AuditLogTest, EachChangeBehindItsBackIsFound) {
  for (int i = 0; i < 20; ++i) log_.Record(Read(absl::StrCat("jobs/", i)), kAuditNow);
  ASSERT_EQ(Verify(), absl::OkStatus());
  Tamper("UPDATE audit_records SET key_id = 'another' WHERE sequence = 7");
  EXPECT_EQ(Verify().message(), "record 7 was changed");
  Tamper("UPDATE audit_records SET key_id = '0123456789ab' WHERE sequence = 7");
  ASSERT_EQ(Verify(), absl::OkStatus());
  Tamper("DELETE FROM audit_records WHERE sequence = 3");
  EXPECT_EQ(Verify().message(), "record 3 is missing, or stands elsewhere");
}

TEST_F(AuditLogTest, ACutEndStaysFoundHoweverManyRecordsFollow) {
  for (int i = 0; i < 20; ++i) log_.Record(Read(absl::StrCat("jobs/", i)), kAuditNow);
  Tamper("DELETE FROM audit_records WHERE sequence > 15");
  EXPECT_TRUE(absl::IsDataLoss(Verify()));
  // Also where the ends are made to fit.
  Tamper(
      "UPDATE audit_ends SET last = 15, last_hash = (SELECT hash FROM audit_records WHERE "
      "sequence = 15)");
  EXPECT_EQ(Verify().message(), "not sealed");
  log_.Record(Read("jobs/after"), kAuditNow);
  EXPECT_EQ(Records().size(), 16u);
  EXPECT_EQ(Verify().message(), "not sealed");
}

TEST_F(AuditLogTest, ASecretThatWasReplacedStillUnlocksItsSeal) {
  log_.Record(Read("jobs/a"), kAuditNow);
  EXPECT_EQ(Verify({std::string(64, 'b'), kSecrets[0]}), absl::OkStatus());
  EXPECT_TRUE(absl::IsDataLoss(Verify({std::string(64, 'b')})));
}

TEST_F(AuditLogTest, OldRecordsGoAndTheOthersStayAChain) {
  for (int i = 0; i < 30; ++i) {
    log_.Record(Read(absl::StrCat("jobs/", i)), kAuditNow + absl::Hours(i));
  }
  ASSERT_EQ(log_.RemoveOld(absl::Hours(10), kAuditNow + absl::Hours(29)), absl::OkStatus());
  const std::vector<AuditRecord> records = Records();
  ASSERT_EQ(records.size(), 11u);
  EXPECT_EQ(records[0].resource, "jobs/19");
  EXPECT_EQ(Verify(), absl::OkStatus());
  EXPECT_EQ(Records(kAuditNow + absl::Hours(25)).size(), 5u);
  // All of them; what follows goes on with the chain.
  ASSERT_EQ(log_.RemoveOld(absl::ZeroDuration(), kAuditNow + absl::Hours(50)), absl::OkStatus());
  EXPECT_THAT(Records(), testing::IsEmpty());
  EXPECT_EQ(Verify(), absl::OkStatus());
  log_.Record(Read("jobs/x"), kAuditNow + absl::Hours(51));
  EXPECT_EQ(Records()[0].sequence, 31);
  EXPECT_EQ(Verify(), absl::OkStatus());
  EXPECT_EQ(catalog_->Transact([](WritingSql& sql) {
    for (int i = 0; i < 9; ++i) AppendAuditRecord(sql, kSecrets, Read("jobs/y"));
    EXPECT_EQ(RemoveAuditRecords(sql, kSecrets, absl::InfinitePast(), 4, 5), 5);
    EXPECT_EQ(RemoveAuditRecords(sql, kSecrets, absl::InfinitePast(), 4, 5), 1);
    EXPECT_EQ(RemoveAuditRecords(sql, kSecrets, absl::InfinitePast(), 4, 5), 0);
    return absl::OkStatus();
  }),
            absl::OkStatus());
  EXPECT_EQ(Records().size(), 4u);
  EXPECT_EQ(Verify(), absl::OkStatus());
}

}  // namespace
}  // namespace alignflow
