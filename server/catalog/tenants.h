#ifndef ALIGNFLOW_SERVER_CATALOG_TENANTS_H_
#define ALIGNFLOW_SERVER_CATALOG_TENANTS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "server/catalog/catalog.h"

// Tenants: who owns datasets, jobs, models and keys. Within Catalog::Transact and
// CatalogReader::Read only.
namespace alignflow {

// What a tenant may have and use; nothing: as much as it likes. Days are UTC's.
struct TenantLimits {
  std::optional<int64_t> stored_bytes;
  std::optional<int64_t> jobs;  // queued and running
  std::optional<int64_t> pairs_a_day;
  std::optional<int64_t> worker_seconds_a_day;
  std::optional<int64_t> calls_a_second;
  bool operator==(const TenantLimits&) const = default;
};

inline constexpr int64_t kMaxTenantWeight = 1000;

struct TenantRecord {
  std::string name;
  int64_t weight = 1;     // share of the workers, among tenants whose tasks wait
  bool deleting = false;  // takes nothing new: what it has is being deleted
  absl::Time create_time = absl::UnixEpoch();
  TenantLimits limits;
};

// False if there is one of this name.
bool InsertTenant(WritingSql& sql, const TenantRecord& tenant);
std::optional<TenantRecord> FindTenant(Sql& sql, const std::string& name);
// By name.
std::vector<TenantRecord> ListTenants(Sql& sql);
// Writes weight, state and limits.
void UpdateTenant(WritingSql& sql, const TenantRecord& tenant);
// Its datasets, jobs and keys must have gone before.
void DeleteTenantRow(WritingSql& sql, const std::string& name);
// Rises with each of these changes, whichever process makes it.
int64_t LastTenantChange(Sql& sql);

// The error for a name that no tenant has.
absl::Status NoTenant(const std::string& name);

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_CATALOG_TENANTS_H_
