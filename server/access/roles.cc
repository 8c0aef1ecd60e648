#include "server/access/roles.h"

#include <algorithm>

namespace alignflow {
namespace {

constexpr std::array kRoleNames = {std::string_view("viewer"), std::string_view("operator"),
                                   std::string_view("admin"), std::string_view("worker")};

constexpr std::string_view kWorkersService = "/alignflow.v1.Workers/";
constexpr std::string_view kHealthService = "/grpc.health.v1.Health/";
constexpr std::string_view kReflectionServices = "/grpc.reflection.";

constexpr MethodRule kRoleRules[] = {
    {"/alignflow.v1.Admin/CreateKey", Role::kAdmin},
    {"/alignflow.v1.Admin/ListAuditRecords", Role::kAdmin},
    {"/alignflow.v1.Admin/ListKeys", Role::kAdmin},
    {"/alignflow.v1.Admin/RevokeKey", Role::kAdmin},
    {"/alignflow.v1.Blobs/FindMissing", Role::kOperator, true},
    {"/alignflow.v1.Blobs/QueryWrite", Role::kOperator, true},
    {"/alignflow.v1.Blobs/Read", Role::kViewer, true},
    {"/alignflow.v1.Blobs/Write", Role::kOperator, true},
    {"/alignflow.v1.Datasets/CreateDataset", Role::kOperator},
    {"/alignflow.v1.Datasets/CreateDatasetWithProgress", Role::kOperator},
    {"/alignflow.v1.Datasets/DeleteDataset", Role::kOperator},
    {"/alignflow.v1.Datasets/GetDataset", Role::kViewer},
    {"/alignflow.v1.Datasets/ListDatasets", Role::kViewer},
    {"/alignflow.v1.Datasets/UpdateDataset", Role::kOperator},
    {"/alignflow.v1.Fleet/ListWorkers", Role::kViewer},
    {"/alignflow.v1.Fleet/SetWorkerMode", Role::kAdmin},
    {"/alignflow.v1.Jobs/CancelJob", Role::kOperator},
    {"/alignflow.v1.Jobs/CreateJob", Role::kOperator},
    {"/alignflow.v1.Jobs/DeleteJob", Role::kOperator},
    {"/alignflow.v1.Jobs/DistrustResults", Role::kOperator},
    {"/alignflow.v1.Jobs/GetJob", Role::kViewer},
    {"/alignflow.v1.Jobs/GetReport", Role::kViewer},
    {"/alignflow.v1.Jobs/ListJobs", Role::kViewer},
    {"/alignflow.v1.Jobs/RerunJob", Role::kOperator},
    {"/alignflow.v1.Jobs/StreamPairs", Role::kViewer},
    {"/alignflow.v1.Jobs/WatchJob", Role::kViewer},
    {"/alignflow.v1.Models/DeleteModel", Role::kOperator},
    {"/alignflow.v1.Models/ExportModel", Role::kViewer},
    {"/alignflow.v1.Models/GetModel", Role::kViewer},
    {"/alignflow.v1.Models/ListModels", Role::kViewer},
    {"/alignflow.v1.Server/GetCaller", Role::kViewer, true},
    {"/alignflow.v1.Server/GetServerInfo", Role::kViewer, true},
    {"/alignflow.v1.Server/ListSpaceUses", Role::kViewer},
    {"/alignflow.v1.Tenants/CreateTenant", Role::kAdmin},
    {"/alignflow.v1.Tenants/DeleteTenant", Role::kAdmin},
    {"/alignflow.v1.Tenants/GetQuota", Role::kViewer},
    {"/alignflow.v1.Tenants/ListTenants", Role::kAdmin},
    {"/alignflow.v1.Tenants/UpdateTenant", Role::kAdmin},
};

}  // namespace

std::string_view RoleName(Role role) { return kRoleNames[static_cast<size_t>(role)]; }

std::optional<Role> RoleOfName(std::string_view name) {
  const auto found = std::ranges::find(kRoleNames, name);
  if (found == kRoleNames.end()) return std::nullopt;
  return static_cast<Role>(found - kRoleNames.begin());
}

std::span<const MethodRule> MethodRules() { return kRoleRules; }

bool IsOpenToAll(std::string_view method) { return method.starts_with(kHealthService); }

bool MayCall(Role role, std::string_view method) {
  if (IsOpenToAll(method)) return true;
  if (method.starts_with(kWorkersService)) return role == Role::kWorker;
  // What the API looks like is no secret to those who may use it.
  if (method.starts_with(kReflectionServices)) return role != Role::kWorker;
  const auto rule = std::ranges::find(kRoleRules, method, &MethodRule::method);
  if (rule == std::end(kRoleRules)) return false;
  return role == Role::kWorker ? rule->workers : role >= rule->least;
}

}  // namespace alignflow
