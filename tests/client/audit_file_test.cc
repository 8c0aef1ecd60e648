#include "client/audit_file.h"

#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace alignflow {
namespace {

using testing::AnyOf;
using testing::HasSubstr;

constexpr int kRecords = 1000;

// The lines of a file of 1,000 records, without their ends.
std::vector<std::string> Lines(int records = kRecords) {
  std::vector<std::string> lines;
  const auto add = [&](std::string line) {
    line.pop_back();
    lines.push_back(std::move(line));
  };
  std::string hash = NoAuditHash();
  add(AuditStartLine(1, hash));
  for (int i = 1; i <= records; ++i) {
    AuditRecord record{.sequence = i,
                       .time = absl::FromUnixMicros(1'790'000'000'000'000 + 7 * i),
                       .tenant = i % 2 == 0 ? "radiology" : "surgery",
                       .key_id = "0123456789ab",
                       .peer = "10.0.0.5",
                       .method = "/alignflow.v1.Jobs/StreamPairs",
                       .resource = absl::StrCat("jobs/", i),
                       .outcome = "OK",
                       .count = 1 + i % 3,
                       .hash = ""};
    hash = record.hash = AuditHash(hash, record);
    add(AuditLine(record));
  }
  add(AuditEndLine(records, hash));
  return lines;
}

absl::Status Verify(const std::vector<std::string>& lines) {
  std::istringstream in(absl::StrCat(absl::StrJoin(lines, "\n"), "\n"));
  return VerifyAuditLines(in).status();
}

class AuditFileTest : public testing::Test {
 protected:
  // Expects that the change is found, and that it is said to be near the record.
  void ExpectFound(const std::vector<std::string>& changed, int record) {
    const absl::Status status = Verify(changed);
    EXPECT_TRUE(absl::IsDataLoss(status)) << record;
    EXPECT_THAT(std::string(status.message()),
                AnyOf(HasSubstr(absl::StrCat("line ", record + 1, ": record")),
                      HasSubstr(absl::StrCat("line ", record + 2, ": record"))))
        << record;
  }
  const std::vector<std::string> lines_ = Lines();
};

TEST_F(AuditFileTest, WhatWasWrittenHolds) {
  std::istringstream in(absl::StrJoin(lines_, "\n"));
  const auto span = VerifyAuditLines(in);
  ASSERT_TRUE(span.ok()) << span.status();
  EXPECT_EQ(span->first, 1);
  EXPECT_EQ(span->last, kRecords);
}

TEST_F(AuditFileTest, EachChangedCharacterOfARecordIsFound) {
  const std::vector<std::string> lines = Lines(20);
  for (size_t at = 0; at < lines[15].size(); ++at) {
    std::vector<std::string> changed = lines;
    changed[15][at] = lines[15][at] == '1' ? '2' : '1';
    ExpectFound(changed, 15);
  }
}

TEST_F(AuditFileTest, EachChangedRemovedRepeatedOrMovedRecordIsFound) {
  for (int i = 1; i <= kRecords; ++i) {
    std::vector<std::string> changed = lines_;
    switch (i % 4) {
      case 0:
        changed[i].replace(changed[i].find("jobs/"), 5, "jobs/9");
        break;
      case 1:
        changed.erase(changed.begin() + i);
        break;
      case 2:
        changed.insert(changed.begin() + i, lines_[i]);
        break;
      default:
        std::swap(changed[i], changed[i + 1]);
    }
    ExpectFound(changed, i);
  }
}

TEST_F(AuditFileTest, FieldsThatNoHashCoversAreRefused) {
  std::vector<std::string> changed = lines_;
  changed[3].insert(1, "\"note\":\"x\",");
  ExpectFound(changed, 3);
  changed = lines_;
  changed[3].insert(1, "\"outcome\":\"NOT_FOUND\",");  // the second one counts
  ExpectFound(changed, 3);
  changed = lines_;
  changed[3].insert(1, " ");
  ExpectFound(changed, 3);
}

TEST_F(AuditFileTest, ACutEndOrBeginningIsFound) {
  std::vector<std::string> cut = lines_;
  cut.pop_back();
  EXPECT_THAT(std::string(Verify(cut).message()), HasSubstr("cut off"));
  cut = lines_;
  cut.erase(cut.end() - 2);
  EXPECT_THAT(std::string(Verify(cut).message()), HasSubstr("missing at the end"));
  cut = lines_;
  cut.erase(cut.begin());
  EXPECT_THAT(std::string(Verify(cut).message()), HasSubstr("line 1"));
  EXPECT_TRUE(absl::IsDataLoss(Verify({})));
  std::vector<std::string> longer = lines_;
  longer.push_back(lines_[1]);
  EXPECT_THAT(std::string(Verify(longer).message()), HasSubstr("after the end"));
}

}  // namespace
}  // namespace alignflow
