#include "server/catalog/tenant_uses.h"

#include <optional>

#include "server/catalog/soci.h"
#include "server/catalog/tenants.h"

namespace alignflow {
namespace {

// Adds to the counters of the day, which begin anew on another.
void AddToDay(WritingSql& writing, const std::string& tenant, int64_t pairs, int64_t micros,
              absl::Time now) {
  Sql& sql = writing;
  const int64_t day = DayOf(now);
  sql << "UPDATE tenant_uses SET pairs = CASE WHEN day = :same THEN pairs ELSE 0 END + :pairs, "
         "worker_micros = CASE WHEN day = :again THEN worker_micros ELSE 0 END + :micros, day = "
         ":day WHERE tenant = :tenant",
      soci::use(day), soci::use(pairs), soci::use(day), soci::use(micros), soci::use(day),
      soci::use(tenant);
}

}  // namespace

std::vector<TenantLook> LookAtTenants(Sql& sql) {
  TenantLook row;
  soci::statement select =
      (sql.prepare << "SELECT u.tenant, u.queued_tasks, u.jobs, u.stored_bytes FROM tenant_uses u "
                      "JOIN tenants t ON t.name = u.tenant ORDER BY t.create_time, t.name",
       soci::into(row.name), soci::into(row.queued_tasks), soci::into(row.jobs),
       soci::into(row.stored_bytes));
  select.execute();
  std::vector<TenantLook> rows;
  while (select.fetch()) rows.push_back(row);
  return rows;
}

TenantUse UseOfTenant(Sql& sql, const std::string& tenant, absl::Time now) {
  TenantUse use;
  int64_t day = 0, micros = 0;
  sql << "SELECT stored_bytes, jobs, day, pairs, worker_micros FROM tenant_uses WHERE tenant = "
         ":tenant",
      soci::use(tenant), soci::into(use.stored_bytes), soci::into(use.jobs), soci::into(day),
      soci::into(use.pairs_today), soci::into(micros);
  use.worker_seconds_today = micros / 1'000'000;
  if (day != DayOf(now)) use.pairs_today = use.worker_seconds_today = 0;
  return use;
}

void AddPairs(WritingSql& sql, const std::string& tenant, int64_t pairs, absl::Time now) {
  AddToDay(sql, tenant, pairs, 0, now);
}

void AddWorkerTime(WritingSql& sql, const std::string& tenant, absl::Duration time,
                   absl::Time now) {
  AddToDay(sql, tenant, 0, absl::ToInt64Microseconds(time), now);
}

absl::Status CheckTenantIsOpen(Sql& sql, const std::string& tenant) {
  const std::optional<TenantRecord> record = FindTenant(sql, tenant);
  if (record && !record->deleting) return absl::OkStatus();
  return absl::FailedPreconditionError("this access key's tenant has been deleted");
}

absl::Status CheckTenantTakesJob(Sql& sql, const std::string& tenant, int64_t pairs,
                                 absl::Time now) {
  absl::Status status = CheckTenantIsOpen(sql, tenant);
  if (!status.ok()) return status;
  return CheckJobFits(FindTenant(sql, tenant)->limits, UseOfTenant(sql, tenant, now), pairs, now);
}

std::string WhyNoWorkerTimeOf(Sql& sql, const std::string& tenant, absl::Time now) {
  const std::optional<TenantRecord> record = FindTenant(sql, tenant);
  if (!record || !record->limits.worker_seconds_a_day) return "";
  return WhyNoWorkerTime(record->limits, UseOfTenant(sql, tenant, now), now);
}

}  // namespace alignflow
