#include "server/services/jobs_service.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/status_conversion.h"
#include "common/steady_now.h"
#include "server/access/listener.h"
#include "server/catalog/job_details.h"
#include "server/catalog/jobs.h"
#include "server/catalog/tasks.h"
#include "server/services/blob_owner.h"
#include "server/services/blob_streams.h"
#include "server/services/job_check.h"
#include "server/services/job_proto.h"
#include "server/services/requests.h"
#include "server/workflow/task_results.h"

namespace alignflow {
namespace {

constexpr size_t kMaxReasonBytes = 300;

// A page of jobs with many references each stays below what clients accept in one message.
constexpr size_t kMaxListBytes = 2 << 20;

absl::Status NoJob(const std::string& id) {
  return absl::NotFoundError(
      absl::StrCat("there is no jobs/", id, "; ListJobs names those there are"));
}

std::string MediaType(const std::string& file) {
  if (file.ends_with(".png")) return "image/png";
  return file.ends_with(".json") ? "application/json" : "application/octet-stream";
}

// Outputs of the task at the start of a stage, if it has succeeded.
std::optional<TaskOutputs> OutputsOfStage(Sql& sql, const std::string& job,
                                          const std::string& stage) {
  const auto place = FindJobTask(sql, job, stage, 0);
  if (!place) return std::nullopt;
  const auto task = FindTask(sql, place->task_key);
  if (!task || task->state != TaskState::kSucceeded) return std::nullopt;
  return OutputsOfTask(sql, task->key);
}

absl::Status AddFigures(const std::string& json, v1::Report& report) {
  absl::StatusOr<std::vector<FigureRecord>> figures = ParseFigures(json);
  if (!figures.ok()) return figures.status();
  for (const FigureRecord& record : *figures) {
    v1::Figure* figure = report.add_figures();
    figure->set_name(record.name);
    figure->set_subject(record.subject);
    if (record.value) figure->set_value(*record.value);
    if (record.low) figure->set_low(*record.low);
    if (record.high) figure->set_high(*record.high);
    figure->set_better(record.better);
    figure->set_unit(record.unit);
    figure->set_note(record.note);
    figure->set_sample_count(record.sample_count);
  }
  return absl::OkStatus();
}

absl::Status AddVerdicts(const std::string& json, v1::Report& report) {
  absl::StatusOr<std::vector<VerdictRecord>> verdicts = ParseVerdicts(json);
  if (!verdicts.ok()) return verdicts.status();
  for (const VerdictRecord& record : *verdicts) {
    v1::Verdict* verdict = report.add_verdicts();
    verdict->set_name(record.name);
    verdict->set_verdict(record.verdict);
    verdict->set_reason(record.reason);
  }
  return absl::OkStatus();
}

absl::Status AddArtifact(BlobStore& blobs, const std::string& name, const std::string& blob,
                         v1::Report& report) {
  absl::StatusOr<int64_t> size = blobs.SizeOf(blob);
  if (!size.ok()) return size.status();
  v1::Artifact* artifact = report.add_artifacts();
  artifact->set_name(name);
  artifact->set_media_type(MediaType(name));
  artifact->mutable_blob()->set_sha256(blob);
  artifact->mutable_blob()->set_size_bytes(*size);
  return absl::OkStatus();
}

absl::Status FillReport(ServiceContext& context, const std::string& id, v1::Report& report) {
  TaskOutputs outputs;
  std::vector<std::pair<std::string, std::string>> curves;  // name, blob
  absl::Status status = context.catalog.Read([&](Sql& sql) -> absl::Status {
    const std::optional<JobRecord> job = FindJob(sql, id);
    if (!job) return NoJob(id);
    SetVersions(DetailsOfJob(sql, *job), report);
    const bool fits = job->kind == JobKind::kFit;
    std::optional<TaskOutputs> last = OutputsOfStage(sql, id, fits ? "fit" : "figures");
    if (!last) {
      return absl::FailedPreconditionError(absl::StrCat(fits ? "the model" : "the figures",
                                                        " of jobs/", id, fits ? " is" : " are",
                                                        " not there yet; wait for the job's end"));
    }
    if (!fits) outputs = *std::move(last);
    for (const char* stage : {"fit", "fit-masks", "align"}) {
      const std::optional<TaskOutputs> trained = OutputsOfStage(sql, id, stage);
      if (!trained || !trained->contains("curve.json")) continue;
      curves.emplace_back(absl::StrCat(stage, "-curve.json"), trained->at("curve.json"));
    }
    return absl::OkStatus();
  });
  report.set_job(absl::StrCat("jobs/", id));
  for (const auto& [role, blob] : outputs) {
    if (!status.ok()) return status;
    if (role != "figures" && role != "verdicts.json") {
      status = AddArtifact(context.blobs, role, blob, report);
      continue;
    }
    absl::StatusOr<std::string> json = context.blobs.Get(blob, kMaxResultDocumentBytes);
    if (!json.ok()) return json.status();
    status = role == "figures" ? AddFigures(*json, report) : AddVerdicts(*json, report);
  }
  for (const auto& [name, blob] : curves) {
    // Weights that were deleted take their curve along.
    if (status.ok() && context.blobs.Contains(blob)) {
      status = AddArtifact(context.blobs, name, blob, report);
    }
  }
  return status;
}

}  // namespace

std::string JobsService::TenantOf(const grpc::ServerContext& call) const {
  return CallerOf(call, context_.access).tenant;
}

absl::StatusOr<std::string> JobsService::FindOwn(const grpc::ServerContext& call,
                                                 const std::string& name) {
  absl::StatusOr<std::string> id = ParseName(name, "jobs", "name");
  if (!id.ok()) return id;
  absl::Status status = context_.catalog.Read([&](Sql& sql) -> absl::Status {
    const std::optional<JobRecord> record = FindJob(sql, *id);
    if (!record || record->tenant != TenantOf(call)) return NoJob(*id);
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  return id;
}

absl::Status JobsService::Fetch(const std::string& tenant, const std::string& id,
                                v1::Job& response) {
  const Surroundings around = SurroundingsOf(context_, tenant);
  return context_.catalog.Read([&](Sql& sql) -> absl::Status {
    const std::optional<JobRecord> record = FindJob(sql, id);
    if (!record || record->tenant != tenant) return NoJob(id);
    response = JobProto(sql, *record, around);
    return absl::OkStatus();
  });
}

grpc::Status JobsService::CreateJob(grpc::ServerContext* call, const v1::CreateJobRequest* request,
                                    v1::Job* response) {
  const CallPlace place(context_.calls.limits(), CallKind::kCreate, ClientOf(*call));
  if (!place.status().ok()) return ToGrpcStatus(place.status());
  if (absl::Status takes = context_.serving.CheckTakesWork(); !takes.ok()) {
    return ToGrpcStatus(takes);
  }
  const Caller caller = CallerOf(*call, context_.access);
  std::string earlier;
  absl::Status status = context_.catalog.Read([&](Sql& sql) {
    const absl::StatusOr<std::string> found = Workflow::JobOfRequest(
        sql, ScopedText(caller.tenant, request->request_id()), DigestOfRequest(*request));
    if (found.ok()) earlier = *found;
    return found.status();
  });
  if (!status.ok()) return ToGrpcStatus(status);
  if (!earlier.empty()) return ToGrpcStatus(Fetch(caller.tenant, earlier, *response));
  status = CheckUploadId(request->upload_id());
  if (!status.ok()) return ToGrpcStatus(status);
  CreatingCall creating(context_, request->upload_id(), WriterOf(caller));
  absl::StatusOr<CheckedJob> job = CheckJob(*request, context_, caller, creating.owner(),
                                            [call] { return call->IsCancelled(); });
  if (!job.ok()) return ToGrpcStatus(job.status());
  absl::StatusOr<std::string> id = context_.workflow.CreateJob(
      std::move(job->record), std::move(job->details), job->references, SteadyNow());
  if (!id.ok()) return ToGrpcStatus(id.status());
  creating.Succeed();
  return ToGrpcStatus(Fetch(caller.tenant, *id, *response));
}

grpc::Status JobsService::GetJob(grpc::ServerContext* call, const v1::GetJobRequest* request,
                                 v1::Job* response) {
  absl::StatusOr<std::string> id = ParseName(request->name(), "jobs", "name");
  if (!id.ok()) return ToGrpcStatus(id.status());
  return ToGrpcStatus(Fetch(TenantOf(*call), *id, *response));
}

grpc::Status JobsService::ListJobs(grpc::ServerContext* call, const v1::ListJobsRequest* request,
                                   v1::ListJobsResponse* response) {
  absl::StatusOr<Page> page = ParsePage(request->page_size(), request->page_token());
  if (!page.ok()) return ToGrpcStatus(page.status());
  const std::string tenant = TenantOf(*call);
  const Surroundings around = SurroundingsOf(context_, tenant);
  JobQuery query{.tenant = tenant,
                 .states = {},
                 .labels = {request->labels().begin(), request->labels().end()},
                 .oldest_first = request->oldest_first(),
                 .beyond = page->before};
  if (query.oldest_first && request->page_token().empty()) query.beyond = 0;
  const absl::Status labels = CheckLabelCount(request->labels_size());
  if (!labels.ok()) return ToGrpcStatus(labels);
  for (const int state : request->states()) {
    if (state == v1::JOB_STATE_UNSPECIFIED || !v1::JobState_IsValid(state)) {
      return ToGrpcStatus(absl::InvalidArgumentError("states: give states that jobs.proto names"));
    }
    query.states.push_back(FromProto(static_cast<v1::JobState>(state)));
  }
  return ToGrpcStatus(context_.catalog.Read([&](Sql& sql) {
    size_t bytes = 0;
    for (const JobRecord& record : FindJobs(sql, query, page->size)) {
      v1::Job* job = response->add_jobs();
      *job = JobProto(sql, record, around);
      bytes += job->ByteSizeLong();
      if (response->jobs_size() == page->size || bytes > kMaxListBytes) {
        response->set_next_page_token(PageToken(record.sequence));
        break;
      }
    }
    return absl::OkStatus();
  }));
}

grpc::Status JobsService::CancelJob(grpc::ServerContext* call, const v1::CancelJobRequest* request,
                                    v1::Job* response) {
  absl::StatusOr<std::string> id = FindOwn(*call, request->name());
  if (!id.ok()) return ToGrpcStatus(id.status());
  absl::Status status = context_.workflow.CancelJob(*id, SteadyNow());
  if (!status.ok()) return ToGrpcStatus(status);
  return ToGrpcStatus(Fetch(TenantOf(*call), *id, *response));
}

grpc::Status JobsService::RerunJob(grpc::ServerContext* call, const v1::RerunJobRequest* request,
                                   v1::Job* response) {
  const std::string tenant = TenantOf(*call);
  absl::StatusOr<std::string> id = FindOwn(*call, request->name());
  if (id.ok()) {
    id = context_.workflow.RerunJob(*id, request->stage(),
                                    ScopedText(tenant, request->request_id()), SteadyNow());
  }
  if (!id.ok()) return ToGrpcStatus(id.status());
  return ToGrpcStatus(Fetch(tenant, *id, *response));
}

grpc::Status JobsService::DistrustResults(grpc::ServerContext* call,
                                          const v1::DistrustResultsRequest* request,
                                          v1::DistrustResultsResponse* response) {
  const absl::StatusOr<std::string> id = FindOwn(*call, request->name());
  if (!id.ok()) return ToGrpcStatus(id.status());
  if (request->stage().empty() || request->reason().empty() ||
      request->reason().size() > kMaxReasonBytes) {
    return ToGrpcStatus(
        absl::InvalidArgumentError("stage, reason: give both, the reason in at most 300 bytes"));
  }
  const auto found = context_.workflow.DistrustResults(*id, request->stage(), request->reason(),
                                                       request->validate_only(), SteadyNow());
  if (!found.ok()) return ToGrpcStatus(found.status());
  response->mutable_results()->insert(found->results.begin(), found->results.end());
  for (const std::string& job : found->jobs) response->add_jobs(absl::StrCat("jobs/", job));
  for (const std::string& model : found->models) {
    response->add_models(absl::StrCat("models/", model));
  }
  return grpc::Status::OK;
}

grpc::Status JobsService::DeleteJob(grpc::ServerContext* call, const v1::DeleteJobRequest* request,
                                    google::protobuf::Empty*) {
  absl::StatusOr<std::string> id = FindOwn(*call, request->name());
  if (!id.ok()) return ToGrpcStatus(id.status());
  return ToGrpcStatus(context_.workflow.DeleteJob(*id, SteadyNow()));
}

grpc::Status JobsService::GetReport(grpc::ServerContext* call, const v1::GetReportRequest* request,
                                    v1::Report* response) {
  absl::StatusOr<std::string> id = FindOwn(*call, request->name());
  if (!id.ok()) return ToGrpcStatus(id.status());
  return ToGrpcStatus(FillReport(context_, *id, *response));
}

}  // namespace alignflow
