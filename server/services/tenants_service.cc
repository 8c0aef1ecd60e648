#include "server/services/tenants_service.h"

#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/status_conversion.h"
#include "common/steady_now.h"
#include "server/access/listener.h"
#include "server/catalog/tenant_uses.h"
#include "server/catalog/tenants.h"
#include "server/services/requests.h"

namespace alignflow {
namespace {

constexpr int64_t kNoLimit = -1;

void Convert(const TenantLimits& limits, v1::TenantLimits& message) {
  if (limits.stored_bytes) message.set_stored_bytes(*limits.stored_bytes);
  if (limits.jobs) message.set_jobs(*limits.jobs);
  if (limits.pairs_a_day) message.set_pairs_a_day(*limits.pairs_a_day);
  if (limits.worker_seconds_a_day) {
    message.set_worker_seconds_a_day(*limits.worker_seconds_a_day);
  }
  if (limits.calls_a_second) message.set_calls_a_second(*limits.calls_a_second);
}

void Convert(const TenantUse& use, v1::TenantUse& message) {
  message.set_stored_bytes(use.stored_bytes);
  message.set_jobs(use.jobs);
  message.set_pairs_today(use.pairs_today);
  message.set_worker_seconds_today(use.worker_seconds_today);
}

v1::Tenant TenantProto(Sql& sql, const TenantRecord& record, absl::Time now) {
  v1::Tenant tenant;
  tenant.set_name(absl::StrCat("tenants/", record.name));
  tenant.set_weight(record.weight);
  Convert(record.limits, *tenant.mutable_limits());
  Convert(UseOfTenant(sql, record.name, now), *tenant.mutable_use());
  if (record.create_time != absl::UnixEpoch()) {
    *tenant.mutable_create_time() = ToTimestamp(record.create_time);
  }
  tenant.set_deleting(record.deleting);
  return tenant;
}

absl::Status Update(bool given, int64_t value, const std::string& field, int64_t least,
                    std::optional<int64_t>& limit) {
  if (!given) return absl::OkStatus();
  if (value != kNoLimit && value < least) {
    return absl::InvalidArgumentError(absl::StrCat("limits.", field, ": is ", value, "; give ",
                                                   least, " or more, or -1 for no limit"));
  }
  limit = value == kNoLimit ? std::nullopt : std::optional<int64_t>(value);
  return absl::OkStatus();
}

absl::Status Update(const v1::TenantLimits& given, TenantLimits& limits) {
  absl::Status status = Update(given.has_stored_bytes(), given.stored_bytes(), "stored_bytes", 0,
                               limits.stored_bytes);
  status.Update(Update(given.has_jobs(), given.jobs(), "jobs", 0, limits.jobs));
  status.Update(
      Update(given.has_pairs_a_day(), given.pairs_a_day(), "pairs_a_day", 0, limits.pairs_a_day));
  status.Update(Update(given.has_worker_seconds_a_day(), given.worker_seconds_a_day(),
                       "worker_seconds_a_day", 0, limits.worker_seconds_a_day));
  status.Update(Update(given.has_calls_a_second(), given.calls_a_second(), "calls_a_second", 1,
                       limits.calls_a_second));
  return status;
}

absl::Status CheckWeight(int64_t weight) {
  if (weight >= 1 && weight <= kMaxTenantWeight) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("weight: is ", weight, "; give 1 to ", kMaxTenantWeight));
}

absl::Status Show(CatalogReader& catalog, const std::string& name, v1::Tenant& response) {
  return catalog.Read([&](Sql& sql) -> absl::Status {
    const std::optional<TenantRecord> record = FindTenant(sql, name);
    if (!record) return NoTenant(name);
    response = TenantProto(sql, *record, SteadyNow());
    return absl::OkStatus();
  });
}

}  // namespace

grpc::Status TenantsService::CreateTenant(grpc::ServerContext*,
                                          const v1::CreateTenantRequest* request,
                                          v1::Tenant* response) {
  TenantRecord record{.name = request->tenant_id(),
                      .weight = request->weight() == 0 ? 1 : request->weight(),
                      .create_time = SteadyNow()};
  absl::Status status = CheckId(record.name, "tenant_id");
  if (status.ok()) status = CheckWeight(record.weight);
  if (status.ok()) status = Update(request->limits(), record.limits);
  if (status.ok()) status = context_.workflow.CreateTenant(record);
  if (status.ok()) status = Show(context_.catalog, record.name, *response);
  return ToGrpcStatus(status);
}

grpc::Status TenantsService::ListTenants(grpc::ServerContext*, const v1::ListTenantsRequest*,
                                         v1::ListTenantsResponse* response) {
  return ToGrpcStatus(context_.catalog.Read([&](Sql& sql) {
    for (const TenantRecord& record : alignflow::ListTenants(sql)) {
      *response->add_tenants() = TenantProto(sql, record, SteadyNow());
    }
    return absl::OkStatus();
  }));
}

grpc::Status TenantsService::UpdateTenant(grpc::ServerContext*,
                                          const v1::UpdateTenantRequest* request,
                                          v1::Tenant* response) {
  const absl::StatusOr<std::string> name = ParseName(request->name(), "tenants", "name");
  if (!name.ok()) return ToGrpcStatus(name.status());
  absl::Status status = request->weight() == 0 ? absl::OkStatus() : CheckWeight(request->weight());
  if (status.ok()) {
    status = context_.workflow.ChangeTenant(*name, [&](TenantRecord& record) {
      if (request->weight() != 0) record.weight = request->weight();
      return Update(request->limits(), record.limits);
    });
  }
  if (status.ok()) status = Show(context_.catalog, *name, *response);
  return ToGrpcStatus(status);
}

grpc::Status TenantsService::DeleteTenant(grpc::ServerContext* call,
                                          const v1::DeleteTenantRequest* request,
                                          v1::DeleteTenantResponse* response) {
  const CallPlace place(context_.calls.limits(), CallKind::kCreate, ClientOf(*call));
  if (!place.status().ok()) return ToGrpcStatus(place.status());
  const absl::StatusOr<std::string> name = ParseName(request->name(), "tenants", "name");
  if (!name.ok()) return ToGrpcStatus(name.status());
  const auto deleted = context_.workflow.DeleteTenant(
      *name, [&] { return call->IsCancelled() || context_.calls.closing(); }, SteadyNow());
  if (!deleted.ok()) return ToGrpcStatus(deleted.status());
  response->set_keys(deleted->keys);
  response->set_jobs(deleted->jobs);
  response->set_datasets(deleted->datasets);
  response->set_stored_bytes(deleted->stored_bytes);
  return grpc::Status::OK;
}

grpc::Status TenantsService::GetQuota(grpc::ServerContext* call, const v1::GetQuotaRequest*,
                                      v1::Quota* response) {
  const std::string tenant = CallerOf(*call, context_.access).tenant;
  const absl::Time now = SteadyNow();
  return ToGrpcStatus(context_.catalog.Read([&](Sql& sql) -> absl::Status {
    const std::optional<TenantRecord> record = FindTenant(sql, tenant);
    if (!record) return NoTenant(tenant);
    response->set_tenant(absl::StrCat("tenants/", tenant));
    Convert(record->limits, *response->mutable_limits());
    Convert(UseOfTenant(sql, tenant, now), *response->mutable_use());
    *response->mutable_day_end_time() = ToTimestamp(NextDay(now));
    return absl::OkStatus();
  }));
}

}  // namespace alignflow
