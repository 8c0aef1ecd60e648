#include "server/services/datasets_service.h"

#include <optional>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/status_conversion.h"
#include "common/steady_now.h"
#include "server/access/listener.h"
#include "server/catalog/datasets.h"
#include "server/services/blob_owner.h"
#include "server/services/dataset_check.h"
#include "server/services/dataset_facts.h"
#include "server/services/requests.h"

namespace alignflow {
namespace {

absl::Status Convert(const DatasetRecord& record, v1::Dataset& dataset) {
  dataset.set_name(absl::StrCat("datasets/", record.id));
  *dataset.mutable_create_time() = ToTimestamp(record.create_time);
  return SetFacts(record, dataset);
}

absl::Status NoDataset(const std::string& id) {
  return absl::NotFoundError(
      absl::StrCat("there is no datasets/", id, "; ListDatasets names those there are"));
}

absl::Status CreateDataset(ServiceContext& context, grpc::ServerContext& call,
                           const v1::CreateDatasetRequest& request, v1::Dataset& response) {
  absl::Status status = CheckId(request.dataset_id(), "dataset_id");
  if (status.ok()) status = CheckUploadId(request.upload_id());
  if (!status.ok()) return status;
  CreatingCall creating(context, request.upload_id());
  absl::StatusOr<CheckedDataset> checked =
      CheckDatasetManifest(request, context.blobs, [&call] { return call.IsCancelled(); });
  if (!checked.ok()) return checked.status();
  absl::StatusOr<std::string> digest =
      context.blobs.Put(checked->manifest, creating.owner(), SteadyNow());
  if (!digest.ok()) return digest.status();
  DatasetRecord record = checked->record;
  record.id = request.dataset_id();
  record.digest = *digest;
  record.create_time = SteadyNow();
  absl::StatusOr<DatasetRecord> registered =
      context.workflow.RegisterDataset(std::move(record), checked->items);
  if (!registered.ok()) return registered.status();
  creating.Succeed();
  return Convert(*registered, response);
}

}  // namespace

grpc::Status DatasetsService::CreateDataset(grpc::ServerContext* call,
                                            const v1::CreateDatasetRequest* request,
                                            v1::Dataset* response) {
  const CallPlace place(context_.calls.limits(), CallKind::kCreate, ClientOf(*call));
  if (!place.status().ok()) return ToGrpcStatus(place.status());
  if (absl::Status takes = context_.serving.CheckTakesWork(); !takes.ok()) {
    return ToGrpcStatus(takes);
  }
  return ToGrpcStatus(alignflow::CreateDataset(context_, *call, *request, *response));
}

grpc::Status DatasetsService::GetDataset(grpc::ServerContext*, const v1::GetDatasetRequest* request,
                                         v1::Dataset* response) {
  absl::StatusOr<std::string> id = ParseName(request->name(), "datasets", "name");
  if (!id.ok()) return ToGrpcStatus(id.status());
  return ToGrpcStatus(context_.catalog.Read([&](Sql& sql) {
    const std::optional<DatasetRecord> record = FindDataset(sql, *id);
    return record ? Convert(*record, *response) : NoDataset(*id);
  }));
}

grpc::Status DatasetsService::ListDatasets(grpc::ServerContext*,
                                           const v1::ListDatasetsRequest* request,
                                           v1::ListDatasetsResponse* response) {
  absl::StatusOr<Page> page = ParsePage(request->page_size(), request->page_token());
  if (!page.ok()) return ToGrpcStatus(page.status());
  return ToGrpcStatus(context_.catalog.Read([&](Sql& sql) {
    const std::vector<DatasetRecord> records =
        alignflow::ListDatasets(sql, page->before, page->size);
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

grpc::Status DatasetsService::DeleteDataset(grpc::ServerContext*,
                                            const v1::DeleteDatasetRequest* request,
                                            google::protobuf::Empty*) {
  absl::StatusOr<std::string> id = ParseName(request->name(), "datasets", "name");
  if (!id.ok()) return ToGrpcStatus(id.status());
  return ToGrpcStatus(context_.workflow.DeleteDataset(*id));
}

}  // namespace alignflow
