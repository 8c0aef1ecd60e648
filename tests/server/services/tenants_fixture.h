#ifndef ALIGNFLOW_TESTS_SERVER_SERVICES_TENANTS_FIXTURE_H_
#define ALIGNFLOW_TESTS_SERVER_SERVICES_TENANTS_FIXTURE_H_

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "alignflow/v1/server.grpc.pb.h"
#include "alignflow/v1/tenants.grpc.pb.h"
#include "common/digest.h"
#include "common/steady_now.h"
#include "server/access/access_keys.h"
#include "server/catalog/keys.h"
#include "server/catalog/tenants.h"
#include "server/state_folder_change.h"
#include "tests/server/coordinator_fixture.h"

namespace alignflow {

// A coordinator with two tenants, "a" and "b", and a key of each. Calls without a key are the
// default tenant's admin's, and workers'.
class TenantsTest : public CoordinatorTest {
 protected:
  void SetUp() override {
    CoordinatorTest::SetUp();
    server_ = v1::Server::NewStub(channel_);
    tenants_ = v1::Tenants::NewStub(channel_);
    for (const char* tenant : {"a", "b"}) AddTenant(tenant);
    coordinator_->Maintain(SteadyNow());
  }

  void AddTenant(const std::string& name) {
    NewAccessKey made = MakeAccessKey(std::string(64, '0'), name, Role::kOperator, SteadyNow(),
                                      absl::InfiniteFuture());
    made.key.tenant = name;
    keys_[name] = made.text;
    ASSERT_EQ(ChangeStateFolder(options_.state_dir,
                                [&](WritingSql& sql) {
                                  InsertTenant(sql, {.name = name});
                                  InsertKey(sql, made.key);
                                  return absl::OkStatus();
                                }),
              absl::OkStatus());
  }

  // A call with the tenant's key.
  void Prepare(const std::string& tenant, grpc::ClientContext& context) {
    context.set_deadline(absl::ToChronoTime(absl::Now() + absl::Minutes(2)));
    context.AddMetadata("authorization", "Bearer " + keys_.at(tenant));
  }
  template <typename Stub, typename Request, typename Response>
  absl::Status As(const std::string& tenant, Stub& stub,
                  grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                  const Request& request, Response* response) {
    grpc::ClientContext context;
    Prepare(tenant, context);
    return FromGrpcStatus((stub.*method)(&context, request, response));
  }

  // Writes bytes as the blob of a digest, which may be another's.
  absl::Status Write(const std::string& tenant, const std::string& bytes,
                     const v1::Digest& digest) {
    grpc::ClientContext context;
    Prepare(tenant, context);
    v1::WriteBlobResponse response;
    const auto writer = v1::Blobs::NewStub(channel_)->Write(&context, &response);
    v1::WriteBlobRequest request;
    *request.mutable_digest() = digest;
    request.set_data(bytes);
    writer->Write(request);
    writer->WritesDone();
    return FromGrpcStatus(writer->Finish());
  }
  static v1::Digest DigestOf(const std::string& bytes) {
    v1::Digest digest;
    digest.set_sha256(Sha256OfString(bytes));
    digest.set_size_bytes(static_cast<int64_t>(bytes.size()));
    return digest;
  }
  absl::StatusOr<std::string> Read(const std::string& tenant, const std::string& sha256) {
    grpc::ClientContext context;
    Prepare(tenant, context);
    v1::ReadBlobRequest request;
    request.mutable_digest()->set_sha256(sha256);
    const auto reader = v1::Blobs::NewStub(channel_)->Read(&context, request);
    std::string bytes;
    for (v1::ReadBlobResponse response; reader->Read(&response);) bytes += response.data();
    absl::Status status = FromGrpcStatus(reader->Finish());
    if (!status.ok()) return status;
    return bytes;
  }
  bool Misses(const std::string& tenant, const v1::Digest& digest) {
    v1::FindMissingRequest request;
    *request.add_blobs() = digest;
    v1::FindMissingResponse response;
    const auto stub = v1::Blobs::NewStub(channel_);
    EXPECT_EQ(As(tenant, *stub, &v1::Blobs::Stub::FindMissing, request, &response),
              absl::OkStatus());
    return response.missing_size() == 1;
  }

  // A dataset of three images, which differ by `salt`, with the tenant's own uploads.
  absl::StatusOr<v1::Dataset> PushAs(const std::string& tenant, const std::string& id,
                                     int salt = 0) {
    v1::CreateDatasetRequest request;
    request.set_dataset_id(id);
    v1::Label* label = request.mutable_manifest()->add_labels();
    label->set_name("polyp");
    label->set_value(255);
    for (int i = 0; i < 3; ++i) {
      v1::DatasetItem* item = request.mutable_manifest()->add_items();
      item->set_stem("item-" + std::to_string(i));
      const std::string image = GreyPng(8 + salt / 200, 6, static_cast<uint8_t>(salt % 200 + i));
      const std::string mask = GreyPng(8 + salt / 200, 6, 255);
      *item->mutable_image() = DigestOf(image);
      *item->mutable_mask() = DigestOf(mask);
      for (const std::string& bytes : {image, mask}) {
        absl::Status status = Write(tenant, bytes, DigestOf(bytes));
        if (!status.ok()) return status;
      }
    }
    v1::Dataset dataset;
    absl::Status status =
        As(tenant, *datasets_, &v1::Datasets::Stub::CreateDataset, request, &dataset);
    if (!status.ok()) return status;
    return dataset;
  }
  absl::StatusOr<v1::Job> AlignAs(const std::string& tenant, const std::string& source,
                                  int pairs = 2, const std::string& request_id = "",
                                  int priority = 0) {
    v1::CreateJobRequest request;
    request.set_request_id(request_id);
    request.set_priority(priority);
    request.mutable_spec()->set_source(source);
    request.mutable_spec()->set_pairs(pairs);
    (*request.mutable_labels())["study"] = "one";
    Set(request, "gates.enabled", "off");
    Set(request, "evaluate.segmenter", "none");
    for (int i = 0; i < 2; ++i) {
      const std::string image = GreyPng(8, 8, static_cast<uint8_t>(100 + i));
      absl::Status status = Write(tenant, image, DigestOf(image));
      if (!status.ok()) return status;
      v1::ReferenceImage* reference = request.mutable_spec()->add_references();
      reference->set_stem("ref-" + std::to_string(i));
      *reference->mutable_image() = DigestOf(image);
    }
    v1::Job job;
    absl::Status status = As(tenant, *jobs_, &v1::Jobs::Stub::CreateJob, request, &job);
    if (!status.ok()) return status;
    return job;
  }
  v1::Job JobAs(const std::string& tenant, const std::string& name) {
    v1::GetJobRequest request;
    request.set_name(name);
    v1::Job job;
    EXPECT_EQ(As(tenant, *jobs_, &v1::Jobs::Stub::GetJob, request, &job), absl::OkStatus());
    return job;
  }

  std::vector<v1::Pair> PairsAs(const std::string& tenant, const std::string& name,
                                absl::Status* status) {
    grpc::ClientContext context;
    Prepare(tenant, context);
    v1::StreamPairsRequest request;
    request.set_name(name);
    const auto reader = jobs_->StreamPairs(&context, request);
    std::vector<v1::Pair> pairs;
    for (v1::Pair pair; reader->Read(&pair);) pairs.push_back(pair);
    *status = FromGrpcStatus(reader->Finish());
    return pairs;
  }

  std::map<std::string, std::string> keys_;  // texts, by tenant
  std::unique_ptr<v1::Server::Stub> server_;
  std::unique_ptr<v1::Tenants::Stub> tenants_;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_TESTS_SERVER_SERVICES_TENANTS_FIXTURE_H_
