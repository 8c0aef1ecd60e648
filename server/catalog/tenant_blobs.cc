#include "server/catalog/tenant_blobs.h"

#include <algorithm>

#include "server/catalog/columns.h"
#include "server/catalog/soci.h"
#include "server/scheduler/quota.h"

namespace alignflow {

bool TenantHasBlob(Sql& sql, const std::string& tenant, const std::string& blob) {
  int found = 0;
  sql << "SELECT 1 FROM tenant_blobs WHERE blob = :blob AND tenant = :tenant", soci::use(blob),
      soci::use(tenant), soci::into(found);
  return sql.got_data();
}

bool TenantHasTask(Sql& sql, const std::string& tenant, const std::string& task_key) {
  int found = 0;
  sql << "SELECT 1 FROM task_tenants WHERE task_key = :task AND tenant = :tenant",
      soci::use(task_key), soci::use(tenant), soci::into(found);
  return sql.got_data();
}

void InsertUploads(WritingSql& writing, const std::vector<TenantUpload>& uploads, absl::Time now) {
  Sql& sql = writing;
  const int64_t time = ToColumn(now);
  for (const TenantUpload& upload : uploads) {
    sql << "INSERT INTO tenant_blobs (blob, tenant, refs, loose_since, bytes) SELECT :blob, name, "
           "0, :now, :bytes FROM tenants WHERE name = :tenant ON CONFLICT (blob, tenant) DO "
           "NOTHING",
        soci::use(upload.blob), soci::use(time), soci::use(upload.bytes), soci::use(upload.tenant);
  }
}

std::vector<LooseBlob> LooseBlobs(Sql& sql, absl::Time cutoff, const LooseBlob& after, int limit) {
  const int64_t time = ToColumn(cutoff);
  LooseBlob row;
  soci::statement select =
      (sql.prepare << "SELECT tenant, blob, loose_since FROM tenant_blobs WHERE refs <= 0 AND "
                      "loose_since < :cutoff AND (loose_since, blob, tenant) > (:since, :blob, "
                      ":tenant) ORDER BY loose_since, blob, tenant LIMIT "
                   << limit,
       soci::use(time), soci::use(after.since), soci::use(after.blob), soci::use(after.tenant),
       soci::into(row.tenant), soci::into(row.blob), soci::into(row.since));
  select.execute();
  std::vector<LooseBlob> rows;
  while (select.fetch()) rows.push_back(row);
  return rows;
}

void ForgetLooseBlob(WritingSql& writing, const LooseBlob& blob) {
  Sql& sql = writing;
  sql << "DELETE FROM tenant_blobs WHERE blob = :blob AND tenant = :tenant AND refs <= 0",
      soci::use(blob.blob), soci::use(blob.tenant);
}

std::vector<std::string> UnmeasuredBlobs(Sql& sql, int limit) {
  std::string blob;
  soci::statement select =
      (sql.prepare << "SELECT DISTINCT blob FROM tenant_blobs WHERE bytes < 0 LIMIT " << limit,
       soci::into(blob));
  select.execute();
  std::vector<std::string> blobs;
  while (select.fetch()) blobs.push_back(blob);
  return blobs;
}

void SetBlobSize(WritingSql& writing, const std::string& blob, int64_t bytes) {
  Sql& sql = writing;
  sql << "UPDATE tenant_blobs SET bytes = :bytes WHERE blob = :blob", soci::use(bytes),
      soci::use(blob);
}

bool ForgetBlobsOfTenant(WritingSql& writing, const std::string& tenant, int limit) {
  Sql& sql = writing;
  soci::statement forget =
      (sql.prepare << "DELETE FROM tenant_blobs WHERE tenant = :tenant AND blob IN (SELECT blob "
                      "FROM tenant_blobs WHERE tenant = :same AND refs <= 0 LIMIT "
                   << limit << ")",
       soci::use(tenant), soci::use(tenant));
  forget.execute(true);
  return forget.get_affected_rows() > 0;
}

std::vector<FairShare::Waiting> WaitingTenants(Sql& sql, absl::Time now) {
  const int64_t day = DayOf(now);
  FairShare::Waiting row;
  soci::statement select =
      (sql.prepare << "SELECT u.tenant, t.weight FROM tenant_uses u JOIN tenants t ON t.name = "
                      "u.tenant WHERE u.queued_tasks > 0 AND (t.max_worker_seconds_a_day < 0 OR "
                      "CASE WHEN u.day = :day THEN u.worker_micros ELSE 0 END < "
                      "t.max_worker_seconds_a_day * 1000000)",
       soci::use(day), soci::into(row.tenant), soci::into(row.weight));
  select.execute();
  std::vector<FairShare::Waiting> rows;
  while (select.fetch()) rows.push_back(row);
  return rows;
}

int64_t QueuedJobsBefore(Sql& sql, const std::string& job, int limit) {
  // Two walks along the index jobs_waiting, each as far as the limit.
  int64_t before = 0, older = 0;
  sql << "SELECT COUNT(*) FROM (SELECT 1 FROM jobs me JOIN jobs j ON j.tenant = me.tenant AND "
         "j.state = 'queued' AND j.priority > me.priority WHERE me.id = :job LIMIT "
      << limit << ") AS found",
      soci::use(job), soci::into(before);
  sql << "SELECT COUNT(*) FROM (SELECT 1 FROM jobs me JOIN jobs j ON j.tenant = me.tenant AND "
         "j.state = 'queued' AND j.priority = me.priority AND j.sequence < me.sequence WHERE me.id "
         "= :job LIMIT "
      << limit << ") AS found",
      soci::use(job), soci::into(older);
  return std::min<int64_t>(before + older, limit);
}

}  // namespace alignflow
