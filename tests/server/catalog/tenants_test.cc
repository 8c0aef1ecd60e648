#include "server/catalog/tenants.h"

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/catalog/keys.h"
#include "tests/common/temp_folder.h"

namespace alignflow {
namespace {

class TenantsTest : public testing::Test {
 protected:
  void Change(const std::function<void(WritingSql&)>& body) {
    ASSERT_EQ(catalog_->Transact([&](WritingSql& sql) {
      body(sql);
      return absl::OkStatus();
    }),
              absl::OkStatus());
  }

  TempFolder folder_;
  std::unique_ptr<Catalog> catalog_ = Catalog::Open(folder_.path() / "catalog.sqlite").value();
};

TEST_F(TenantsTest, TheDefaultTenantIsThereFromTheStartAndHasNoLimits) {
  Change([](WritingSql& sql) {
    const std::vector<TenantRecord> tenants = ListTenants(sql);
    ASSERT_EQ(tenants.size(), 1u);
    EXPECT_EQ(tenants[0].name, "default");
    EXPECT_EQ(tenants[0].limits, TenantLimits());
  });
}

TEST_F(TenantsTest, ATenantIsWhatItWasAndItsNameIsTakenOnce) {
  const TenantRecord radiology{.name = "radiology",
                               .weight = 3,
                               .create_time = absl::FromUnixSeconds(5),
                               .limits = {.stored_bytes = 100, .pairs_a_day = 0}};
  Change([&](WritingSql& sql) {
    EXPECT_TRUE(InsertTenant(sql, radiology));
    EXPECT_FALSE(InsertTenant(sql, radiology));
    const TenantRecord found = FindTenant(sql, "radiology").value();
    EXPECT_EQ(found.weight, 3);
    EXPECT_EQ(found.create_time, radiology.create_time);
    EXPECT_EQ(found.limits, radiology.limits);
    EXPECT_FALSE(FindTenant(sql, "pathology"));
  });
}

TEST_F(TenantsTest, EveryChangeIsSeenByWhoFollowsThem) {
  Change([](WritingSql& sql) {
    std::vector<int64_t> changes = {LastTenantChange(sql)};
    TenantRecord tenant{.name = "a"};
    InsertTenant(sql, tenant);
    changes.push_back(LastTenantChange(sql));
    tenant.limits.jobs = 2;
    UpdateTenant(sql, tenant);
    changes.push_back(LastTenantChange(sql));
    DeleteTenantRow(sql, "a");
    changes.push_back(LastTenantChange(sql));
    EXPECT_FALSE(FindTenant(sql, "a"));
    for (size_t i = 1; i < changes.size(); ++i) EXPECT_GT(changes[i], changes[i - 1]);
  });
}

TEST_F(TenantsTest, AKeyKeepsItsTenant) {
  Change([](WritingSql& sql) {
    InsertKey(sql, {.id = "one", .tenant = "radiology", .digest = "d"});
    InsertKey(sql, {.id = "two", .digest = "d"});
    std::vector<std::string> tenants;
    for (const AccessKey& key : ListKeys(sql)) tenants.push_back(key.tenant);
    EXPECT_THAT(tenants, testing::UnorderedElementsAre("radiology", "default"));
  });
}

}  // namespace
}  // namespace alignflow
