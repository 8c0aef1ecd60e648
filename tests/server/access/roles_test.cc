#include "server/access/roles.h"

#include <set>
#include <string>

#include "alignflow/v1/admin.pb.h"
#include "alignflow/v1/blobs.pb.h"
#include "alignflow/v1/datasets.pb.h"
#include "alignflow/v1/fleet.pb.h"
#include "alignflow/v1/jobs.pb.h"
#include "alignflow/v1/models.pb.h"
#include "alignflow/v1/server.pb.h"
#include "alignflow/v1/tenants.pb.h"
#include "alignflow/v1/workers.pb.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace alignflow {
namespace {

// Every method of the services in proto/alignflow/v1, as gRPC writes it.
std::set<std::string> AllMethods() {
  std::set<std::string> methods;
  for (const google::protobuf::FileDescriptor* file :
       {v1::AuditRecord::descriptor()->file(), v1::Digest::descriptor()->file(),
        v1::Dataset::descriptor()->file(), v1::Worker::descriptor()->file(),
        v1::Job::descriptor()->file(), v1::Model::descriptor()->file(),
        v1::ServerInfo::descriptor()->file(), v1::Tenant::descriptor()->file(),
        v1::RegisterRequest::descriptor()->file()}) {
    for (int i = 0; i < file->service_count(); ++i) {
      const google::protobuf::ServiceDescriptor* service = file->service(i);
      for (int k = 0; k < service->method_count(); ++k) {
        methods.insert("/" + service->full_name() + "/" + service->method(k)->name());
      }
    }
  }
  return methods;
}

TEST(RolesTest, EveryMethodHasARuleAndEveryRuleAMethod) {
  std::set<std::string> ruled;
  for (const MethodRule& rule : MethodRules()) ruled.insert(std::string(rule.method));
  std::set<std::string> methods = AllMethods();
  std::erase_if(methods, [](const std::string& method) {
    return method.starts_with("/alignflow.v1.Workers/");
  });
  EXPECT_GT(methods.size(), 20u);
  EXPECT_EQ(ruled, methods);
}

TEST(RolesTest, EachRoleMayDoWhatThoseBeforeItMay) {
  for (const MethodRule& rule : MethodRules()) {
    EXPECT_EQ(MayCall(Role::kViewer, rule.method), rule.least == Role::kViewer) << rule.method;
    EXPECT_EQ(MayCall(Role::kOperator, rule.method), rule.least != Role::kAdmin) << rule.method;
    EXPECT_TRUE(MayCall(Role::kAdmin, rule.method)) << rule.method;
  }
}

TEST(RolesTest, AViewerChangesNothing) {
  for (const char* word :
       {"Create", "Update", "Delete", "Cancel", "Rerun", "Distrust", "Set", "Write", "Revoke"}) {
    for (const std::string& method : AllMethods()) {
      if (method.find(std::string("/") + word) == std::string::npos) continue;
      EXPECT_FALSE(MayCall(Role::kViewer, method)) << method;
    }
  }
}

TEST(RolesTest, AWorkerComputesAndSeesNothingElse) {
  std::set<std::string> allowed;
  for (const std::string& method : AllMethods()) {
    if (MayCall(Role::kWorker, method)) allowed.insert(method);
    const bool of_workers = method.starts_with("/alignflow.v1.Workers/");
    for (const Role role : {Role::kViewer, Role::kOperator, Role::kAdmin}) {
      EXPECT_FALSE(of_workers && MayCall(role, method)) << method;
    }
  }
  EXPECT_EQ(allowed, (std::set<std::string>{
                         "/alignflow.v1.Blobs/FindMissing", "/alignflow.v1.Blobs/QueryWrite",
                         "/alignflow.v1.Blobs/Read", "/alignflow.v1.Blobs/Write",
                         "/alignflow.v1.Server/GetCaller", "/alignflow.v1.Server/GetServerInfo",
                         "/alignflow.v1.Workers/Heartbeat", "/alignflow.v1.Workers/Lease",
                         "/alignflow.v1.Workers/Register", "/alignflow.v1.Workers/Report"}));
}

TEST(RolesTest, WhatNoRuleNamesIsForNobody) {
  for (const Role role : kRoles) {
    EXPECT_FALSE(MayCall(role, "/alignflow.v1.Jobs/NoSuchMethod"));
    EXPECT_FALSE(MayCall(role, "/other.Service/Method"));
    EXPECT_FALSE(MayCall(role, ""));
    EXPECT_TRUE(MayCall(role, "/grpc.health.v1.Health/Check"));
  }
}

TEST(RolesTest, NamesAreReadAsTheyAreWritten) {
  for (const Role role : kRoles) EXPECT_EQ(RoleOfName(RoleName(role)), role);
  EXPECT_FALSE(RoleOfName("root"));
}

}  // namespace
}  // namespace alignflow
