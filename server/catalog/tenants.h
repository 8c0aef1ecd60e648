#ifndef ALIGNFLOW_SERVER_CATALOG_TENANTS_H_
#define ALIGNFLOW_SERVER_CATALOG_TENANTS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "server/catalog/catalog.h"
#include "server/scheduler/quota.h"

// Tenants: who owns datasets, jobs, models and keys. Within Catalog::Transact and
// CatalogReader::Read only.
namespace alignflow {

inline constexpr int64_t kMaxTenantWeight = 1000;

struct TenantRecord {
  std::string name;
  int64_t weight = 1;     // share of the workers, among tenants whose tasks wait
  bool deleting = false;  // takes nothing new: what it has is being deleted
  absl::Time create_time = absl::UnixEpoch();
  TenantLimits limits = {};
};

// False if there is one of this name.
bool InsertTenant(WritingSql& sql, const TenantRecord& tenant);
std::optional<TenantRecord> FindTenant(Sql& sql, const std::string& name);
// By name.
std::vector<TenantRecord> ListTenants(Sql& sql);
// Whether there is one besides the default tenant.
bool HasSeveralTenants(Sql& sql);
// Writes weight, state and limits.
void UpdateTenant(WritingSql& sql, const TenantRecord& tenant);
// Its datasets, jobs and keys must have gone before.
void DeleteTenantRow(WritingSql& sql, const std::string& name);
// Revokes all its keys that hold, and returns how many.
int64_t RevokeKeysOfTenant(WritingSql& sql, const std::string& name, absl::Time now);
// Rises with each of these changes, whichever process makes it.
int64_t LastTenantChange(Sql& sql);

// The error for a name that no tenant has.
absl::Status NoTenant(const std::string& name);

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_CATALOG_TENANTS_H_
