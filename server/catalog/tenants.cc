#include "server/catalog/tenants.h"

#include <array>

#include "absl/strings/str_cat.h"
#include "server/catalog/columns.h"
#include "server/catalog/keys.h"
#include "server/catalog/soci.h"

namespace alignflow {
namespace {

constexpr char kSelectTenants[] =
    "SELECT name, weight, state, create_time, max_stored_bytes, max_jobs, max_pairs_a_day, "
    "max_worker_seconds_a_day, max_calls_a_second FROM tenants ";
constexpr char kOpen[] = "open", kDeleting[] = "deleting";
constexpr int64_t kNoTenant = -1;

std::optional<int64_t> LimitOf(int64_t column) {
  return column < 0 ? std::nullopt : std::optional<int64_t>(column);
}

// A row's limits as they lie in columns.
struct Columns {
  int64_t bytes, jobs, pairs, seconds, calls;
  explicit Columns(const TenantLimits& limits)
      : bytes(limits.stored_bytes.value_or(kNoTenant)),
        jobs(limits.jobs.value_or(kNoTenant)),
        pairs(limits.pairs_a_day.value_or(kNoTenant)),
        seconds(limits.worker_seconds_a_day.value_or(kNoTenant)),
        calls(limits.calls_a_second.value_or(kNoTenant)) {}
};

std::vector<TenantRecord> FetchTenants(Sql& sql, const std::string& where,
                                       const std::string& value) {
  TenantRecord row;
  std::string state;
  int64_t created = 0;
  std::array<int64_t, 5> limits = {};
  soci::statement select =
      (sql.prepare << kSelectTenants << where << " ORDER BY name", soci::use(value),
       soci::into(row.name), soci::into(row.weight), soci::into(state), soci::into(created),
       soci::into(limits[0]), soci::into(limits[1]), soci::into(limits[2]), soci::into(limits[3]),
       soci::into(limits[4]));
  select.execute();
  std::vector<TenantRecord> rows;
  while (select.fetch()) {
    row.deleting = state == kDeleting;
    row.create_time = TimeOf(created);
    row.limits = {.stored_bytes = LimitOf(limits[0]),
                  .jobs = LimitOf(limits[1]),
                  .pairs_a_day = LimitOf(limits[2]),
                  .worker_seconds_a_day = LimitOf(limits[3]),
                  .calls_a_second = LimitOf(limits[4])};
    rows.push_back(row);
  }
  return rows;
}

}  // namespace

bool InsertTenant(WritingSql& writing, const TenantRecord& tenant) {
  Sql& sql = writing;
  if (FindTenant(sql, tenant.name)) return false;
  const Columns limits(tenant.limits);
  const int64_t created = ToColumn(tenant.create_time), change = LastTenantChange(sql) + 1;
  sql << "INSERT INTO tenants (name, weight, state, create_time, max_stored_bytes, max_jobs, "
         "max_pairs_a_day, max_worker_seconds_a_day, max_calls_a_second, change) VALUES (:name, "
         ":weight, 'open', :created, :bytes, :jobs, :pairs, :seconds, :calls, :change)",
      soci::use(tenant.name), soci::use(tenant.weight), soci::use(created), soci::use(limits.bytes),
      soci::use(limits.jobs), soci::use(limits.pairs), soci::use(limits.seconds),
      soci::use(limits.calls), soci::use(change);
  return true;
}

std::optional<TenantRecord> FindTenant(Sql& sql, const std::string& name) {
  const std::vector<TenantRecord> rows = FetchTenants(sql, "WHERE name = :name", name);
  if (rows.empty()) return std::nullopt;
  return rows.front();
}

std::vector<TenantRecord> ListTenants(Sql& sql) {
  return FetchTenants(sql, "WHERE name > :none", "");
}

bool HasSeveralTenants(Sql& sql) {
  int found = 0;
  sql << "SELECT 1 FROM tenants WHERE name <> 'default' LIMIT 1", soci::into(found);
  return sql.got_data();
}

void UpdateTenant(WritingSql& writing, const TenantRecord& tenant) {
  Sql& sql = writing;
  const Columns limits(tenant.limits);
  const std::string state = tenant.deleting ? kDeleting : kOpen;
  const int64_t change = LastTenantChange(sql) + 1;
  sql << "UPDATE tenants SET weight = :weight, state = :state, max_stored_bytes = :bytes, max_jobs "
         "= :jobs, max_pairs_a_day = :pairs, max_worker_seconds_a_day = :seconds, "
         "max_calls_a_second = :calls, change = :change WHERE name = :name",
      soci::use(tenant.weight), soci::use(state), soci::use(limits.bytes), soci::use(limits.jobs),
      soci::use(limits.pairs), soci::use(limits.seconds), soci::use(limits.calls),
      soci::use(change), soci::use(tenant.name);
}

void DeleteTenantRow(WritingSql& writing, const std::string& name) {
  Sql& sql = writing;
  // The default tenant's row, which never goes, keeps the count of changes.
  const int64_t change = LastTenantChange(sql) + 1;
  sql << "DELETE FROM tenants WHERE name = :name", soci::use(name);
  sql << "UPDATE tenants SET change = :change WHERE name = 'default'", soci::use(change);
}

int64_t RevokeKeysOfTenant(WritingSql& writing, const std::string& name, absl::Time now) {
  Sql& sql = writing;
  const int64_t time = ToColumn(now), change = LastKeyChange(sql) + 1;
  soci::statement update =
      (sql.prepare << "UPDATE access_keys SET revoke_time = :now, change = :change WHERE tenant = "
                      ":tenant AND revoke_time = 0",
       soci::use(time), soci::use(change), soci::use(name));
  update.execute(true);
  return update.get_affected_rows();
}

int64_t LastTenantChange(Sql& sql) {
  int64_t change = 0;
  sql << "SELECT COALESCE(MAX(change), 0) FROM tenants", soci::into(change);
  return change;
}

absl::Status NoTenant(const std::string& name) {
  return absl::NotFoundError(absl::StrCat(
      "there is no tenant '", name,
      "'; `alignflow-coordinator tenants list` or `afctl tenant list` shows those there are, "
      "`tenants create` makes one"));
}

}  // namespace alignflow
