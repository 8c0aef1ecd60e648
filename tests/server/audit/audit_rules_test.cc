#include "server/audit/audit_rules.h"

#include <set>
#include <string>

#include "alignflow/v1/jobs.pb.h"
#include "gtest/gtest.h"
#include "server/access/roles.h"

namespace alignflow {
namespace {

TEST(AuditRulesTest, EveryMethodHasARuleWhichIsSaidOnce) {
  std::set<std::string_view> ruled;
  for (const AuditRule& rule : AuditRules()) EXPECT_TRUE(ruled.insert(rule.method).second);
  for (const MethodRule& method : MethodRules()) EXPECT_TRUE(ruled.contains(method.method));
  // The other half, that each rule is of a method, holds for those of roles.h.
  std::erase_if(
      ruled, [](std::string_view method) { return method.starts_with("/alignflow.v1.Workers/"); });
  EXPECT_EQ(ruled.size(), MethodRules().size());
  EXPECT_EQ(FindAuditRule("/alignflow.v1.Jobs/NoSuchMethod"), nullptr);
}

TEST(AuditRulesTest, WhatOnlyOperatorsAndAdminsMayDoIsAChange) {
  // Nothing of a user's is changed by them: what is written is nobody's until something refers to
  // it.
  const std::set<std::string_view> no_changes = {"/alignflow.v1.Admin/ListAuditRecords",
                                                 "/alignflow.v1.Admin/ListKeys",
                                                 "/alignflow.v1.Blobs/FindMissing",
                                                 "/alignflow.v1.Blobs/QueryWrite",
                                                 "/alignflow.v1.Blobs/Write",
                                                 "/alignflow.v1.Tenants/ListTenants"};
  for (const MethodRule& method : MethodRules()) {
    const AuditRule* rule = FindAuditRule(method.method);
    ASSERT_NE(rule, nullptr) << method.method;
    EXPECT_EQ(rule->kind == AuditKind::kChange,
              method.least != Role::kViewer && !no_changes.contains(method.method))
        << method.method;
  }
}

TEST(AuditRulesTest, WhatPatientsDataLeaveByIsARead) {
  for (const char* method : {"/alignflow.v1.Jobs/StreamPairs", "/alignflow.v1.Jobs/GetReport",
                             "/alignflow.v1.Models/ExportModel", "/alignflow.v1.Blobs/Read"}) {
    EXPECT_EQ(FindAuditRule(method)->kind, AuditKind::kRead) << method;
  }
}

TEST(AuditRulesTest, OnlyNamesAreRecordedOfWhatAClientSends) {
  v1::DeleteJobRequest request;
  const AuditRule* rule = FindAuditRule("/alignflow.v1.Jobs/DeleteJob");
  request.set_name("jobs/0123abcd");
  EXPECT_EQ(rule->resource(&request), "jobs/0123abcd");
  for (const std::string& name :
       {std::string("Mrs. Smith"), std::string("jobs/Smith"), std::string("jobs/a b"),
        std::string("/home/x"), std::string("jobs/"), std::string("jobs/a/b"), std::string("x"),
        "jobs/" + std::string(1000, 'a'), std::string("jobs/a\n")}) {
    request.set_name(name);
    EXPECT_EQ(rule->resource(&request), "") << name;
  }
}

}  // namespace
}  // namespace alignflow
