#include "server/services/models_service.h"

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/status_conversion.h"
#include "server/access/listener.h"
#include "server/catalog/jobs.h"
#include "server/catalog/results.h"
#include "server/services/blob_streams.h"
#include "server/services/requests.h"

namespace alignflow {
namespace {

constexpr int kMaxJobs = 100;

absl::Status NoModel(const std::string& id) {
  return absl::NotFoundError(
      absl::StrCat("there is no models/", id, "; ListModels names those there are"));
}

// What the tenant is shown of the model.
v1::Model Convert(Sql& sql, const std::string& tenant, const ModelRecord& record,
                  BlobStore& blobs) {
  v1::Model model;
  model.set_name(absl::StrCat("models/", record.id));
  model.set_stage(record.stage);
  model.set_preset(record.preset);
  model.mutable_weights()->set_sha256(record.weights);
  model.mutable_weights()->set_size_bytes(blobs.SizeOf(record.weights).value_or(0));
  model.set_source_digest(record.source_digest);
  *model.mutable_create_time() = ToTimestamp(record.create_time);
  for (const std::string& job : JobsWithTask(sql, tenant, record.task_key, kMaxJobs)) {
    model.add_jobs(absl::StrCat("jobs/", job));
  }
  return model;
}

}  // namespace

grpc::Status ModelsService::ListModels(grpc::ServerContext* call,
                                       const v1::ListModelsRequest* request,
                                       v1::ListModelsResponse* response) {
  absl::StatusOr<Page> page = ParsePage(request->page_size(), request->page_token());
  if (!page.ok()) return ToGrpcStatus(page.status());
  const std::string tenant = CallerOf(*call, context_.access).tenant;
  return ToGrpcStatus(context_.catalog.Read([&](Sql& sql) {
    const std::vector<ModelRecord> records =
        alignflow::ListModels(sql, tenant, page->before, page->size);
    for (const ModelRecord& record : records) {
      *response->add_models() = Convert(sql, tenant, record, context_.blobs);
    }
    if (static_cast<int>(records.size()) == page->size) {
      response->set_next_page_token(PageToken(records.back().sequence));
    }
    return absl::OkStatus();
  }));
}

grpc::Status ModelsService::GetModel(grpc::ServerContext* call, const v1::GetModelRequest* request,
                                     v1::Model* response) {
  absl::StatusOr<std::string> id = ParseName(request->name(), "models", "name");
  if (!id.ok()) return ToGrpcStatus(id.status());
  const std::string tenant = CallerOf(*call, context_.access).tenant;
  return ToGrpcStatus(context_.catalog.Read([&](Sql& sql) -> absl::Status {
    const std::optional<ModelRecord> record = FindModel(sql, *id);
    if (!record || !TenantHasModel(sql, tenant, *record)) return NoModel(*id);
    *response = Convert(sql, tenant, *record, context_.blobs);
    return absl::OkStatus();
  }));
}

grpc::ServerWriteReactor<v1::ReadBlobResponse>* ModelsService::ExportModel(
    grpc::CallbackServerContext* call, const v1::ExportModelRequest* request) {
  const auto find = [this, tenant = CallerOf(*call, context_.access).tenant,
                     name = request->name()]() -> absl::StatusOr<std::string> {
    absl::StatusOr<std::string> id = ParseName(name, "models", "name");
    if (!id.ok()) return id.status();
    std::string weights;
    absl::Status status = context_.catalog.Read([&](Sql& sql) -> absl::Status {
      const std::optional<ModelRecord> record = FindModel(sql, *id);
      if (!record || !TenantHasModel(sql, tenant, *record)) return NoModel(*id);
      weights = record->weights;
      return absl::OkStatus();
    });
    if (!status.ok()) return status;
    return weights;
  };
  return StartBlobRead(context_, *call, request->offset(), find);
}

grpc::Status ModelsService::DeleteModel(grpc::ServerContext* call,
                                        const v1::DeleteModelRequest* request,
                                        google::protobuf::Empty*) {
  absl::StatusOr<std::string> id = ParseName(request->name(), "models", "name");
  if (!id.ok()) return ToGrpcStatus(id.status());
  return ToGrpcStatus(context_.workflow.DeleteModel(CallerOf(*call, context_.access).tenant, *id));
}

}  // namespace alignflow
