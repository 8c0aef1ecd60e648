// What a tenant may have and use, and how tenants come and go over the wire.
#include <string>
#include <vector>

#include "tests/server/services/tenants_fixture.h"

namespace alignflow {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class QuotasTest : public TenantsTest {
 protected:
  absl::StatusOr<v1::Tenant> SetLimits(const std::string& tenant, const v1::TenantLimits& limits) {
    v1::UpdateTenantRequest request;
    request.set_name("tenants/" + tenant);
    *request.mutable_limits() = limits;
    v1::Tenant response;
    absl::Status status = Call(*tenants_, &v1::Tenants::Stub::UpdateTenant, request, &response);
    if (!status.ok()) return status;
    return response;
  }
  v1::Quota QuotaOf(const std::string& tenant) {
    v1::Quota quota;
    EXPECT_EQ(As(tenant, *tenants_, &v1::Tenants::Stub::GetQuota, v1::GetQuotaRequest(), &quota),
              absl::OkStatus());
    return quota;
  }
  absl::StatusOr<v1::DeleteTenantResponse> DeleteTenant(const std::string& tenant) {
    v1::DeleteTenantRequest request;
    request.set_name("tenants/" + tenant);
    v1::DeleteTenantResponse response;
    absl::Status status = Call(*tenants_, &v1::Tenants::Stub::DeleteTenant, request, &response);
    if (!status.ok()) return status;
    return response;
  }
  std::vector<std::string> Tenants() {
    v1::ListTenantsResponse list;
    EXPECT_EQ(Call(*tenants_, &v1::Tenants::Stub::ListTenants, v1::ListTenantsRequest(), &list),
              absl::OkStatus());
    std::vector<std::string> names;
    for (const v1::Tenant& tenant : list.tenants()) names.push_back(tenant.name());
    return names;
  }
  static std::string Refusal(const absl::Status& status) {
    EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
    return std::string(status.message());
  }
};

TEST_F(QuotasTest, JobsAndPairsBeyondTheQuotaAreRefusedBeforeAnythingIsQueued) {
  ASSERT_TRUE(PushAs("a", "set").ok());
  ASSERT_TRUE(PushAs("b", "set").ok());
  v1::TenantLimits limits;
  limits.set_jobs(2);
  limits.set_pairs_a_day(10);
  ASSERT_TRUE(SetLimits("a", limits).ok());
  ASSERT_TRUE(AlignAs("a", "datasets/set", 6).ok());
  EXPECT_THAT(Refusal(AlignAs("a", "datasets/set", 5).status()), HasSubstr("6 of 10 pairs"));
  const std::string second = AlignAs("a", "datasets/set", 4, "again").value().name();
  EXPECT_THAT(Refusal(AlignAs("a", "datasets/set", 1).status()), HasSubstr("2 of 2 jobs"));
  EXPECT_EQ(AlignAs("a", "datasets/set", 4, "again").value().name(), second);  // is no further one
  EXPECT_TRUE(AlignAs("b", "datasets/set", 100).ok());
  EXPECT_EQ(QuotaOf("a").use().jobs(), 2);
  EXPECT_EQ(QuotaOf("a").use().pairs_today(), 10);
  ASSERT_TRUE(CancelJob(second).status().code() == absl::StatusCode::kNotFound);  // another's
  v1::CancelJobRequest cancel;
  cancel.set_name(second);
  v1::Job job;
  ASSERT_EQ(As("a", *jobs_, &v1::Jobs::Stub::CancelJob, cancel, &job), absl::OkStatus());
  EXPECT_EQ(QuotaOf("a").use().jobs(), 1);
  // The next day, but for the limit of jobs.
  limits.set_pairs_a_day(-1);
  const v1::Tenant tenant = SetLimits("a", limits).value();
  EXPECT_FALSE(tenant.limits().has_pairs_a_day());
  EXPECT_EQ(tenant.limits().jobs(), 2);
  EXPECT_TRUE(AlignAs("a", "datasets/set", 1000).ok());
}

TEST_F(QuotasTest, StoredBytesAreThoseOfEachFileOnce) {
  EXPECT_EQ(QuotaOf("a").use().stored_bytes(), 0);
  const v1::Dataset dataset = PushAs("a", "set").value();
  ASSERT_TRUE(PushAs("a", "copy").ok());
  coordinator_->Maintain(SteadyNow());
  const int64_t images = 3 * static_cast<int64_t>(GreyPng(8, 6, 0).size());
  const int64_t mask = static_cast<int64_t>(GreyPng(8, 6, 255).size());
  const int64_t manifest = static_cast<int64_t>(Read("a", dataset.digest()).value().size());
  const int64_t stored = images + mask + manifest;
  EXPECT_EQ(QuotaOf("a").use().stored_bytes(), stored);
  v1::TenantLimits limits;
  limits.set_stored_bytes(stored + 100);
  ASSERT_TRUE(SetLimits("a", limits).ok());
  const std::string small(100, 's'), large(101, 'l');
  EXPECT_THAT(Refusal(Write("a", large, DigestOf(large))), HasSubstr("101 more"));
  EXPECT_TRUE(Misses("a", DigestOf(large)));
  EXPECT_EQ(Write("a", small, DigestOf(small)), absl::OkStatus());
  EXPECT_THAT(Refusal(Write("a", "x", DigestOf("x"))), HasSubstr("bytes are stored"));
  EXPECT_EQ(Write("a", small, DigestOf(small)), absl::OkStatus());  // it is there
  EXPECT_EQ(Write("b", large, DigestOf(large)), absl::OkStatus());
  EXPECT_THAT(Refusal(AlignAs("a", "datasets/set").status()), HasSubstr("bytes are stored"));
}

TEST_F(QuotasTest, WorkerTimeOfTheDayEndsTheDaysLeases) {
  ASSERT_TRUE(PushAs("a", "set").ok());
  const std::string name = AlignAs("a", "datasets/set").value().name();
  const std::string worker = Register();
  ASSERT_TRUE(Lease(worker).value().has_task());
  // The lease runs out an hour later, and has taken that.
  coordinator_->Maintain(SteadyNow() + absl::Hours(1) + absl::Seconds(1));
  const int64_t used = QuotaOf("a").use().worker_seconds_today();
  if (used == 0) GTEST_SKIP() << "midnight has just passed";
  EXPECT_GE(used, 3600);
  v1::TenantLimits limits;
  limits.set_worker_seconds_a_day(3600);
  ASSERT_TRUE(SetLimits("a", limits).ok());
  const std::string other = Register();
  EXPECT_FALSE(Lease(other).value().has_task());
  EXPECT_THAT(JobAs("a", name).waiting_reason(), HasSubstr("worker-seconds of today are used"));
  EXPECT_THAT(Refusal(AlignAs("a", "datasets/set").status()), HasSubstr("worker-seconds"));
  limits.set_worker_seconds_a_day(1'000'000);
  ASSERT_TRUE(SetLimits("a", limits).ok());
  EXPECT_TRUE(Lease(other).value().has_task());
}

TEST_F(QuotasTest, LimitsAndNamesThatAreNoneAreRefused) {
  v1::TenantLimits limits;
  limits.set_jobs(-2);
  EXPECT_TRUE(absl::IsInvalidArgument(SetLimits("a", limits).status()));
  EXPECT_TRUE(absl::IsNotFound(SetLimits("nobody", {}).status()));
  v1::CreateTenantRequest request;
  v1::Tenant tenant;
  for (const char* name : {"", "A", "a/b", "a b"}) {
    request.set_tenant_id(name);
    EXPECT_TRUE(absl::IsInvalidArgument(
        Call(*tenants_, &v1::Tenants::Stub::CreateTenant, request, &tenant)))
        << name;
  }
  request.set_tenant_id("c");
  request.set_weight(3);
  ASSERT_EQ(Call(*tenants_, &v1::Tenants::Stub::CreateTenant, request, &tenant), absl::OkStatus());
  EXPECT_EQ(tenant.weight(), 3);
  EXPECT_TRUE(
      absl::IsAlreadyExists(Call(*tenants_, &v1::Tenants::Stub::CreateTenant, request, &tenant)));
  EXPECT_THAT(Tenants(), ElementsAre("tenants/a", "tenants/b", "tenants/c", "tenants/default"));
}

TEST_F(QuotasTest, ADeletedTenantLeavesNothingAndTellsWhatWent) {
  ASSERT_TRUE(PushAs("a", "set").ok());
  ASSERT_TRUE(PushAs("b", "set").ok());
  ASSERT_TRUE(AlignAs("a", "datasets/set").ok());
  const std::string worker = Register();
  Work(worker);
  const std::string running = AlignAs("a", "datasets/set", 64).value().name();
  const std::string of_b = AlignAs("b", "datasets/set").value().name();
  ASSERT_TRUE(Lease(worker).value().has_task());
  coordinator_->Maintain(SteadyNow());
  const auto gone = DeleteTenant("a");
  ASSERT_TRUE(gone.ok()) << gone.status();
  EXPECT_EQ(gone->jobs(), 2);
  EXPECT_EQ(gone->datasets(), 1);
  EXPECT_EQ(gone->keys(), 1);
  EXPECT_GT(gone->stored_bytes(), 0);
  EXPECT_THAT(Tenants(), ElementsAre("tenants/b", "tenants/default"));
  EXPECT_TRUE(absl::IsNotFound(DeleteTenant("a").status()));
  // Its key opens nothing, and makes nothing while it is still taken.
  EXPECT_FALSE(PushAs("a", "set").ok());
  EXPECT_TRUE(absl::IsNotFound(Read("a", DigestOf(GreyPng(8, 6, 0)).sha256()).status()));
  // b has what it had, also what both had.
  EXPECT_EQ(Read("b", DigestOf(GreyPng(8, 6, 0)).sha256()).value(), GreyPng(8, 6, 0));
  Work(worker);
  EXPECT_EQ(JobAs("b", of_b).state(), v1::JOB_STATE_SUCCEEDED);
  ASSERT_TRUE(
      coordinator_->CollectGarbage(absl::ZeroDuration(), SteadyNow() + absl::Hours(2)).ok());
  EXPECT_EQ(Read("b", DigestOf(GreyPng(8, 6, 0)).sha256()).value(), GreyPng(8, 6, 0));
  // A tenant of the same name later has nothing of it.
  AddTenant("a");
  coordinator_->Maintain(SteadyNow());
  v1::ListJobsResponse jobs;
  ASSERT_EQ(As("a", *jobs_, &v1::Jobs::Stub::ListJobs, v1::ListJobsRequest(), &jobs),
            absl::OkStatus());
  EXPECT_EQ(jobs.jobs_size(), 0);
  EXPECT_EQ(QuotaOf("a").use().stored_bytes(), 0);
}

TEST_F(QuotasTest, TheDefaultTenantStays) {
  EXPECT_TRUE(absl::IsFailedPrecondition(DeleteTenant("default").status()));
}

}  // namespace
}  // namespace alignflow
