#include "server/services/datasets_service.h"

#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/age.h"
#include "common/status_conversion.h"
#include "common/steady_now.h"
#include "server/access/listener.h"
#include "server/catalog/datasets.h"
#include "server/services/blob_owner.h"
#include "server/services/blob_streams.h"
#include "server/services/cancel_check.h"
#include "server/services/dataset_check.h"
#include "server/services/dataset_facts.h"
#include "server/services/requests.h"

namespace alignflow {
namespace {

constexpr absl::Duration kProgressInterval = absl::Seconds(1);

void SetRetention(absl::Duration age, v1::JobRetention& retention) {
  if (age == absl::InfiniteDuration()) {
    retention.set_forever(true);
    return;
  }
  retention.mutable_age()->set_seconds(absl::IDivDuration(age, absl::Seconds(1), &age));
  retention.mutable_age()->set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(age)));
}

absl::StatusOr<std::optional<absl::Duration>> ParseRetention(
    const v1::UpdateDatasetRequest& request) {
  if (!request.has_keep_jobs()) return std::nullopt;
  const v1::JobRetention& retention = request.keep_jobs();
  if (retention.forever()) return absl::InfiniteDuration();
  const absl::Duration age =
      absl::Seconds(retention.age().seconds()) + absl::Nanoseconds(retention.age().nanos());
  if (retention.has_age() && age >= absl::ZeroDuration() && age <= kMaxAge) return age;
  return absl::InvalidArgumentError("keep_jobs: give an age of 0 to 100,000 days, or forever");
}

absl::Status Convert(const DatasetRecord& record, v1::Dataset& dataset) {
  dataset.set_name(absl::StrCat("datasets/", PublicId(record.id)));
  *dataset.mutable_create_time() = ToTimestamp(record.create_time);
  if (record.keep_jobs) SetRetention(*record.keep_jobs, *dataset.mutable_keep_jobs());
  return SetFacts(record, dataset);
}

absl::Status NoDataset(const std::string& id) {
  return absl::NotFoundError(
      absl::StrCat("there is no datasets/", id, "; ListDatasets names those there are"));
}

// Told how many items have been checked.
using Progress = std::function<void(int64_t checked)>;

absl::Status CreateDataset(ServiceContext& context, grpc::ServerContext& call,
                           const v1::CreateDatasetRequest& request, const Progress& progress,
                           v1::Dataset& response) {
  const CallPlace place(context.calls.limits(), CallKind::kCreate, ClientOf(call));
  if (!place.status().ok()) return place.status();
  if (absl::Status takes = context.serving.CheckTakesWork(); !takes.ok()) return takes;
  absl::Status status = CheckId(request.dataset_id(), "dataset_id");
  if (status.ok()) status = CheckUploadId(request.upload_id());
  if (!status.ok()) return status;
  const Caller caller = CallerOf(call, context.access);
  CreatingCall creating(context, request.upload_id(), WriterOf(caller));
  CancelCheck gone([&call] { return call.IsCancelled(); });
  absl::StatusOr<CheckedDataset> checked = CheckDatasetManifest(
      request, context.blobs,
      [&](int64_t checked) {
        progress(checked);
        return !gone.Cancelled();
      },
      [&](const std::string& sha256) { return HasBlob(context, caller, sha256); });
  if (!checked.ok()) return checked.status();
  absl::StatusOr<std::string> digest =
      context.blobs.Put(checked->manifest, creating.owner(), SteadyNow());
  if (!digest.ok()) return digest.status();
  DatasetRecord record = checked->record;
  record.tenant = caller.tenant;
  record.id = ScopedId(caller.tenant, request.dataset_id());
  record.digest = *digest;
  record.create_time = SteadyNow();
  absl::StatusOr<DatasetRecord> registered =
      context.workflow.RegisterDataset(std::move(record), checked->items);
  if (!registered.ok()) return registered.status();
  creating.Succeed();
  return Convert(*registered, response);
}

}  // namespace

std::string DatasetsService::TenantOf(const grpc::ServerContext& call) const {
  return CallerOf(call, context_.access).tenant;
}

grpc::Status DatasetsService::CreateDataset(grpc::ServerContext* call,
                                            const v1::CreateDatasetRequest* request,
                                            v1::Dataset* response) {
  return ToGrpcStatus(alignflow::CreateDataset(
      context_, *call, *request, [](int64_t) {}, *response));
}

grpc::Status DatasetsService::CreateDatasetWithProgress(
    grpc::ServerContext* call, const v1::CreateDatasetRequest* request,
    grpc::ServerWriter<v1::DatasetCreation>* writer) {
  v1::DatasetCreation creation;
  absl::Time told = absl::InfinitePast();
  // A message a second, which all fit into the stream's window, is never waited for.
  const auto tell = [&](int64_t checked) {
    creation.set_checked_items(checked);
    const absl::Time now = SteadyNow();
    if (now - told < kProgressInterval) return;
    told = now;
    writer->Write(creation);
  };
  v1::Dataset dataset;
  absl::Status status = alignflow::CreateDataset(context_, *call, *request, tell, dataset);
  if (!status.ok()) return ToGrpcStatus(status);
  *creation.mutable_dataset() = std::move(dataset);
  writer->WriteLast(creation, grpc::WriteOptions());
  return grpc::Status::OK;
}

grpc::Status DatasetsService::GetDataset(grpc::ServerContext* call,
                                         const v1::GetDatasetRequest* request,
                                         v1::Dataset* response) {
  absl::StatusOr<std::string> id = ParseName(request->name(), "datasets", "name");
  if (!id.ok()) return ToGrpcStatus(id.status());
  return ToGrpcStatus(context_.catalog.Read([&](Sql& sql) {
    const std::optional<DatasetRecord> record = FindDataset(sql, ScopedId(TenantOf(*call), *id));
    return record ? Convert(*record, *response) : NoDataset(*id);
  }));
}

grpc::Status DatasetsService::ListDatasets(grpc::ServerContext* call,
                                           const v1::ListDatasetsRequest* request,
                                           v1::ListDatasetsResponse* response) {
  absl::StatusOr<Page> page = ParsePage(request->page_size(), request->page_token());
  if (!page.ok()) return ToGrpcStatus(page.status());
  return ToGrpcStatus(context_.catalog.Read([&](Sql& sql) {
    const std::vector<DatasetRecord> records =
        alignflow::ListDatasets(sql, TenantOf(*call), page->before, page->size);
    for (const DatasetRecord& record : records) {
      absl::Status status = Convert(record, *response->add_datasets());
      if (!status.ok()) return status;
    }
    if (static_cast<int>(records.size()) == page->size) {
      response->set_next_page_token(PageToken(records.back().sequence));
    }
    return absl::OkStatus();
  }));
}

grpc::Status DatasetsService::DeleteDataset(grpc::ServerContext* call,
                                            const v1::DeleteDatasetRequest* request,
                                            google::protobuf::Empty*) {
  absl::StatusOr<std::string> id = ParseName(request->name(), "datasets", "name");
  if (!id.ok()) return ToGrpcStatus(id.status());
  return ToGrpcStatus(context_.workflow.DeleteDataset(ScopedId(TenantOf(*call), *id)));
}

grpc::Status DatasetsService::UpdateDataset(grpc::ServerContext* call,
                                            const v1::UpdateDatasetRequest* request,
                                            v1::Dataset* response) {
  absl::StatusOr<std::string> id = ParseName(request->name(), "datasets", "name");
  if (!id.ok()) return ToGrpcStatus(id.status());
  const absl::StatusOr<std::optional<absl::Duration>> age = ParseRetention(*request);
  if (!age.ok()) return ToGrpcStatus(age.status());
  const absl::StatusOr<DatasetRecord> record =
      context_.workflow.SetRetention(ScopedId(TenantOf(*call), *id), *age);
  if (!record.ok()) return ToGrpcStatus(record.status());
  return ToGrpcStatus(Convert(*record, *response));
}

}  // namespace alignflow
