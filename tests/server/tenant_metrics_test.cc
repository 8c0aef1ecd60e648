#include "server/tenant_metrics.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "prometheus/text_serializer.h"

namespace alignflow {
namespace {

using testing::HasSubstr;
using testing::Not;

class TenantMetricsTest : public testing::Test {
 protected:
  std::string Text() const { return prometheus::TextSerializer().Serialize(registry_.Collect()); }
  static TenantLook Look(const std::string& name, int64_t queued) {
    return {.name = name, .queued_tasks = queued, .jobs = 1, .stored_bytes = 10};
  }

  prometheus::Registry registry_;
  TenantMetrics metrics_{registry_};
};

TEST_F(TenantMetricsTest, UsesAreShownAndGoWithTheirTenant) {
  metrics_.SetUses({Look("default", 0), Look("radiology", 7)});
  EXPECT_THAT(Text(), HasSubstr("alignflow_tenant_queued_tasks{tenant=\"radiology\"} 7\n"));
  EXPECT_THAT(Text(), HasSubstr("alignflow_tenant_jobs{tenant=\"default\"} 1\n"));
  EXPECT_THAT(Text(), HasSubstr("alignflow_tenant_stored_bytes{tenant=\"radiology\"} 10\n"));
  metrics_.SetUses({Look("default", 0)});
  EXPECT_THAT(Text(), Not(HasSubstr("radiology")));
}

TEST_F(TenantMetricsTest, ManyTenantsMakeNoMoreSeries) {
  std::vector<TenantLook> tenants;
  for (int i = 0; i < 250; ++i) tenants.push_back(Look(absl::StrCat("t", i), 2));
  metrics_.SetUses(tenants);
  EXPECT_THAT(Text(), HasSubstr("alignflow_tenant_queued_tasks{tenant=\"t99\"} 2\n"));
  EXPECT_THAT(Text(), Not(HasSubstr("tenant=\"t100\"")));
  EXPECT_THAT(Text(), HasSubstr("alignflow_tenant_queued_tasks{tenant=\"(others)\"} 300\n"));
  tenants.erase(tenants.begin());  // makes room for one
  metrics_.SetUses(tenants);
  EXPECT_THAT(Text(), HasSubstr("alignflow_tenant_queued_tasks{tenant=\"t100\"} 2\n"));
  EXPECT_THAT(Text(), HasSubstr("alignflow_tenant_queued_tasks{tenant=\"(others)\"} 298\n"));
}

TEST_F(TenantMetricsTest, TimeOfWorkersIsCountedByTenantAndDevice) {
  FleetWorker gpu{.id = "a", .abilities = {}, .open = true};
  gpu.abilities.device = "cuda";
  const Fleet fleet = {gpu};
  LiveState::Lease lease;
  lease.worker = "a";
  lease.tenant = "radiology";
  LiveState::Lease gone = lease;
  gone.worker = "gone";
  metrics_.CountWork({lease, gone}, fleet, absl::Seconds(3));
  metrics_.CountWork({lease}, fleet, absl::Seconds(4));
  metrics_.CountWork({lease}, fleet, absl::ZeroDuration());
  EXPECT_THAT(Text(), HasSubstr("alignflow_tenant_worker_seconds_total{device=\"cuda\","
                                "tenant=\"radiology\"} 7\n"));
}

}  // namespace
}  // namespace alignflow
