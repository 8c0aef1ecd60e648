#include "server/audit/audit_rules.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "alignflow/v1/admin.pb.h"
#include "alignflow/v1/blobs.pb.h"
#include "alignflow/v1/datasets.pb.h"
#include "alignflow/v1/fleet.pb.h"
#include "alignflow/v1/jobs.pb.h"
#include "alignflow/v1/models.pb.h"
#include "alignflow/v1/tenants.pb.h"

namespace alignflow {
namespace {

constexpr size_t kMaxNameBytes = 140;

template <typename Request>
std::string NameOf(const void* request) {
  return AuditedName(static_cast<const Request*>(request)->name());
}

std::string NewDataset(const void* request) {
  const auto* create = static_cast<const v1::CreateDatasetRequest*>(request);
  return AuditedName(absl::StrCat("datasets/", create->dataset_id()));
}

std::string NewTenant(const void* request) {
  const auto* create = static_cast<const v1::CreateTenantRequest*>(request);
  return AuditedName(absl::StrCat("tenants/", create->tenant_id()));
}

std::string BlobOf(const void* request) {
  const auto* read = static_cast<const v1::ReadBlobRequest*>(request);
  return AuditedName(absl::StrCat("blobs/", read->digest().sha256()));
}

constexpr auto kNone = AuditKind::kNone, kChange = AuditKind::kChange, kRead = AuditKind::kRead;

constexpr AuditRule kRules[] = {
    {"/alignflow.v1.Admin/CreateKey", kChange},
    {"/alignflow.v1.Admin/ListAuditRecords", kNone},
    {"/alignflow.v1.Admin/ListKeys", kNone},
    {"/alignflow.v1.Admin/RevokeKey", kChange, NameOf<v1::RevokeKeyRequest>},
    // What is written is nobody's until a dataset, a job or a result refers to it.
    {"/alignflow.v1.Blobs/FindMissing", kNone},
    {"/alignflow.v1.Blobs/QueryWrite", kNone},
    {"/alignflow.v1.Blobs/Read", kRead, BlobOf},
    {"/alignflow.v1.Blobs/Write", kNone},
    {"/alignflow.v1.Datasets/CreateDataset", kChange, NewDataset},
    {"/alignflow.v1.Datasets/CreateDatasetWithProgress", kChange, NewDataset},
    {"/alignflow.v1.Datasets/DeleteDataset", kChange, NameOf<v1::DeleteDatasetRequest>},
    {"/alignflow.v1.Datasets/GetDataset", kNone},
    {"/alignflow.v1.Datasets/ListDatasets", kNone},
    {"/alignflow.v1.Datasets/UpdateDataset", kChange, NameOf<v1::UpdateDatasetRequest>},
    {"/alignflow.v1.Fleet/ListWorkers", kNone},
    {"/alignflow.v1.Fleet/SetWorkerMode", kChange, NameOf<v1::SetWorkerModeRequest>},
    {"/alignflow.v1.Jobs/CancelJob", kChange, NameOf<v1::CancelJobRequest>},
    {"/alignflow.v1.Jobs/CreateJob", kChange},
    {"/alignflow.v1.Jobs/DeleteJob", kChange, NameOf<v1::DeleteJobRequest>},
    {"/alignflow.v1.Jobs/DistrustResults", kChange, NameOf<v1::DistrustResultsRequest>},
    {"/alignflow.v1.Jobs/GetJob", kNone},
    {"/alignflow.v1.Jobs/GetReport", kRead, NameOf<v1::GetReportRequest>},
    {"/alignflow.v1.Jobs/ListJobs", kNone},
    {"/alignflow.v1.Jobs/RerunJob", kChange, NameOf<v1::RerunJobRequest>},
    {"/alignflow.v1.Jobs/StreamPairs", kRead, NameOf<v1::StreamPairsRequest>},
    {"/alignflow.v1.Jobs/WatchJob", kNone},
    {"/alignflow.v1.Models/DeleteModel", kChange, NameOf<v1::DeleteModelRequest>},
    {"/alignflow.v1.Models/ExportModel", kRead, NameOf<v1::ExportModelRequest>},
    {"/alignflow.v1.Models/GetModel", kNone},
    {"/alignflow.v1.Models/ListModels", kNone},
    {"/alignflow.v1.Server/GetCaller", kNone},
    {"/alignflow.v1.Server/GetServerInfo", kNone},
    {"/alignflow.v1.Server/ListSpaceUses", kNone},
    {"/alignflow.v1.Tenants/CreateTenant", kChange, NewTenant},
    {"/alignflow.v1.Tenants/DeleteTenant", kChange, NameOf<v1::DeleteTenantRequest>},
    {"/alignflow.v1.Tenants/GetQuota", kNone},
    {"/alignflow.v1.Tenants/ListTenants", kNone},
    {"/alignflow.v1.Tenants/UpdateTenant", kChange, NameOf<v1::UpdateTenantRequest>},
    {"/alignflow.v1.Workers/Heartbeat", kNone},
    {"/alignflow.v1.Workers/Lease", kNone},
    {"/alignflow.v1.Workers/Register", kChange},
    {"/alignflow.v1.Workers/Report", kNone},
};

}  // namespace

std::span<const AuditRule> AuditRules() { return kRules; }

const AuditRule* FindAuditRule(std::string_view method) {
  const auto rule = std::ranges::find(kRules, method, &AuditRule::method);
  return rule == std::end(kRules) ? nullptr : &*rule;
}

std::string AuditedName(std::string_view name) {
  const size_t slash = name.find('/');
  if (name.size() > kMaxNameBytes || slash == std::string_view::npos || slash + 1 == name.size()) {
    return "";
  }
  const auto of_name = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '/';
  };
  if (!std::ranges::all_of(name, of_name) || name.find('/', slash + 1) != std::string_view::npos) {
    return "";
  }
  return std::string(name);
}

}  // namespace alignflow
