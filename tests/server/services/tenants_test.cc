// Two tenants of one coordinator, which must not find out about each other.
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_replace.h"
#include "tests/server/services/tenants_fixture.h"

namespace alignflow {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class IsolationTest : public TenantsTest {
 protected:
  // What tenant b hears about the name by every method that takes one.
  std::map<std::string, absl::Status> AskAboutJob(const std::string& name) {
    std::map<std::string, absl::Status> heard;
    const auto ask = [&](const std::string& what, auto method, auto request, auto response) {
      request.set_name(name);
      heard[what] = As("b", *jobs_, method, request, &response);
    };
    ask("get", &v1::Jobs::Stub::GetJob, v1::GetJobRequest(), v1::Job());
    ask("cancel", &v1::Jobs::Stub::CancelJob, v1::CancelJobRequest(), v1::Job());
    ask("delete", &v1::Jobs::Stub::DeleteJob, v1::DeleteJobRequest(), google::protobuf::Empty());
    ask("rerun", &v1::Jobs::Stub::RerunJob, v1::RerunJobRequest(), v1::Job());
    ask("report", &v1::Jobs::Stub::GetReport, v1::GetReportRequest(), v1::Report());
    v1::DistrustResultsRequest distrust;
    distrust.set_stage("fit");
    distrust.set_reason("none");
    ask("distrust", &v1::Jobs::Stub::DistrustResults, distrust, v1::DistrustResultsResponse());
    PairsAs("b", name, &heard["pairs"]);
    grpc::ClientContext context;
    Prepare("b", context);
    v1::WatchJobRequest request;
    request.set_name(name);
    const auto reader = jobs_->WatchJob(&context, request);
    v1::JobEvent event;
    EXPECT_FALSE(reader->Read(&event));
    heard["watch"] = FromGrpcStatus(reader->Finish());
    return heard;
  }
  std::map<std::string, absl::Status> AskAboutDataset(const std::string& name) {
    std::map<std::string, absl::Status> heard;
    const auto ask = [&](const std::string& what, auto method, auto request, auto response) {
      request.set_name(name);
      heard[what] = As("b", *datasets_, method, request, &response);
    };
    ask("get", &v1::Datasets::Stub::GetDataset, v1::GetDatasetRequest(), v1::Dataset());
    ask("update", &v1::Datasets::Stub::UpdateDataset, v1::UpdateDatasetRequest(), v1::Dataset());
    ask("delete", &v1::Datasets::Stub::DeleteDataset, v1::DeleteDatasetRequest(),
        google::protobuf::Empty());
    heard["align"] = AlignAs("b", name).status();
    return heard;
  }
  std::map<std::string, absl::Status> AskAboutModel(const std::string& name) {
    std::map<std::string, absl::Status> heard;
    const auto ask = [&](const std::string& what, auto method, auto request, auto response) {
      request.set_name(name);
      heard[what] = As("b", *models_, method, request, &response);
    };
    ask("get", &v1::Models::Stub::GetModel, v1::GetModelRequest(), v1::Model());
    ask("delete", &v1::Models::Stub::DeleteModel, v1::DeleteModelRequest(),
        google::protobuf::Empty());
    grpc::ClientContext context;
    Prepare("b", context);
    v1::ExportModelRequest request;
    request.set_name(name);
    const auto reader = models_->ExportModel(&context, request);
    v1::ReadBlobResponse bytes;
    EXPECT_FALSE(reader->Read(&bytes));
    heard["export"] = FromGrpcStatus(reader->Finish());
    return heard;
  }

  // Each answer about what is another's is, word for word, that about what is not there.
  static void ExpectSame(const std::map<std::string, absl::Status>& others, const std::string& name,
                         const std::map<std::string, absl::Status>& nothings,
                         const std::string& no_name) {
    for (const auto& [what, status] : others) {
      EXPECT_TRUE(absl::IsNotFound(status)) << what << ": " << status;
      const absl::Status& nothing = nothings.at(what);
      EXPECT_EQ(status.code(), nothing.code()) << what;
      EXPECT_EQ(absl::StrReplaceAll(status.message(), {{name, no_name}}), nothing.message())
          << what;
    }
  }
};

TEST_F(IsolationTest, EachTenantHasNamesOfItsOwn) {
  const v1::Dataset of_a = PushAs("a", "polyps", 0).value();
  const v1::Dataset of_b = PushAs("b", "polyps", 50).value();
  EXPECT_EQ(of_a.name(), "datasets/polyps");
  EXPECT_EQ(of_b.name(), "datasets/polyps");
  EXPECT_NE(of_a.digest(), of_b.digest());
  ASSERT_TRUE(PushAs("a", "more", 90).ok());
  const auto names = [this](const std::string& tenant) {
    v1::ListDatasetsResponse list;
    EXPECT_EQ(
        As(tenant, *datasets_, &v1::Datasets::Stub::ListDatasets, v1::ListDatasetsRequest(), &list),
        absl::OkStatus());
    std::vector<std::string> found;
    for (const v1::Dataset& dataset : list.datasets()) found.push_back(dataset.name());
    return found;
  };
  EXPECT_THAT(names("a"), ElementsAre("datasets/more", "datasets/polyps"));
  EXPECT_THAT(names("b"), ElementsAre("datasets/polyps"));
  v1::GetDatasetRequest request;
  request.set_name("datasets/polyps");
  v1::Dataset found;
  ASSERT_EQ(As("b", *datasets_, &v1::Datasets::Stub::GetDataset, request, &found),
            absl::OkStatus());
  EXPECT_EQ(found.digest(), of_b.digest());
  const absl::Status taken = PushAs("a", "polyps", 120).status();
  EXPECT_TRUE(absl::IsAlreadyExists(taken)) << taken;
  EXPECT_THAT(std::string(taken.message()), HasSubstr("datasets/polyps exists"));
  // The same request id is two requests.
  const std::string first = AlignAs("a", "datasets/polyps", 2, "same").value().name();
  const std::string second = AlignAs("b", "datasets/polyps", 2, "same").value().name();
  EXPECT_NE(first, second);
  EXPECT_EQ(AlignAs("b", "datasets/polyps", 2, "same").value().name(), second);
  EXPECT_EQ(JobAs("b", second).spec().source(), "datasets/polyps");
}

TEST_F(IsolationTest, WhatIsAnothersAnswersAsWhatIsNotThere) {
  ASSERT_TRUE(PushAs("a", "secret").ok());
  const std::string running = AlignAs("a", "datasets/secret").value().name();
  const std::string nothing = "jobs/0123456789abcdef";
  ExpectSame(AskAboutJob(running), running, AskAboutJob(nothing), nothing);
  Work(Register());
  const v1::Job job = JobAs("a", running);
  ASSERT_EQ(job.state(), v1::JOB_STATE_SUCCEEDED);
  ExpectSame(AskAboutJob(running), running, AskAboutJob(nothing), nothing);
  ExpectSame(AskAboutDataset("datasets/secret"), "datasets/secret",
             AskAboutDataset("datasets/nobody"), "datasets/nobody");
  ExpectSame(AskAboutModel(job.stage1_model()), job.stage1_model(),
             AskAboutModel("models/0123456789ab"), "models/0123456789ab");
  // It is all there.
  EXPECT_EQ(JobAs("a", running).state(), v1::JOB_STATE_SUCCEEDED);
  absl::Status status;
  EXPECT_EQ(PairsAs("a", running, &status).size(), 2u);
  EXPECT_EQ(status, absl::OkStatus());
}

TEST_F(IsolationTest, ListsHoldNothingOfOthers) {
  ASSERT_TRUE(PushAs("a", "secret").ok());
  const std::string name = AlignAs("a", "datasets/secret").value().name();
  Work(Register());
  for (const std::string tenant : {"a", "b"}) {
    v1::ListJobsRequest labelled;
    (*labelled.mutable_labels())["study"] = "one";
    for (const v1::ListJobsRequest& request : {v1::ListJobsRequest(), labelled}) {
      v1::ListJobsResponse jobs;
      ASSERT_EQ(As(tenant, *jobs_, &v1::Jobs::Stub::ListJobs, request, &jobs), absl::OkStatus());
      EXPECT_EQ(jobs.jobs_size(), tenant == "a" ? 1 : 0);
    }
    v1::ListModelsResponse models;
    ASSERT_EQ(As(tenant, *models_, &v1::Models::Stub::ListModels, v1::ListModelsRequest(), &models),
              absl::OkStatus());
    EXPECT_EQ(models.models_size(), tenant == "a" ? 2 : 0);
    v1::ListSpaceUsesResponse space;
    ASSERT_EQ(
        As(tenant, *server_, &v1::Server::Stub::ListSpaceUses, v1::ListSpaceUsesRequest(), &space),
        absl::OkStatus());
    if (tenant == "a") {
      EXPECT_GT(space.bytes(), 0);
      std::set<std::string> owners;
      for (const v1::SpaceUse& use : space.uses()) owners.insert(use.name());
      EXPECT_EQ(owners, (std::set<std::string>{"datasets/secret", name}));
    } else {
      EXPECT_EQ(space.bytes(), 0);
      EXPECT_THAT(space.uses(), IsEmpty());
    }
  }
}

TEST_F(IsolationTest, ADigestIsNoCapability) {
  const v1::Dataset dataset = PushAs("a", "secret").value();
  const std::string name = AlignAs("a", "datasets/secret").value().name();
  Work(Register());
  absl::Status status;
  const std::vector<v1::Pair> pairs = PairsAs("a", name, &status);
  ASSERT_EQ(pairs.size(), 2u);
  v1::GetModelRequest request;
  request.set_name(JobAs("a", name).stage2_model());
  v1::Model model;
  ASSERT_EQ(As("a", *models_, &v1::Models::Stub::GetModel, request, &model), absl::OkStatus());
  v1::GetReportRequest of_report;
  of_report.set_name(name);
  v1::Report report;
  ASSERT_EQ(As("a", *jobs_, &v1::Jobs::Stub::GetReport, of_report, &report), absl::OkStatus());
  ASSERT_GT(report.artifacts_size(), 0);
  const std::string unknown(64, '0');
  const absl::Status no_blob = Read("b", unknown).status();
  EXPECT_TRUE(absl::IsNotFound(no_blob));
  for (const std::string& sha256 :
       {DigestOf(GreyPng(8, 6, 0)).sha256(), dataset.digest(), pairs[0].image().sha256(),
        pairs[1].mask().sha256(), model.weights().sha256(), report.artifacts(0).blob().sha256(),
        DigestOf(GreyPng(8, 8, 100)).sha256()}) {
    EXPECT_TRUE(Read("a", sha256).ok()) << sha256;
    const absl::Status refused = Read("b", sha256).status();
    EXPECT_EQ(absl::StrReplaceAll(refused.message(), {{sha256, unknown}}), no_blob.message());
    EXPECT_EQ(refused.code(), no_blob.code());
    v1::Digest digest;
    digest.set_sha256(sha256);
    EXPECT_FALSE(Misses("a", digest));
    EXPECT_TRUE(Misses("b", digest));
    v1::QueryWriteRequest query;
    *query.mutable_digest() = digest;
    v1::QueryWriteResponse progress;
    const auto stub = v1::Blobs::NewStub(channel_);
    ASSERT_EQ(As("b", *stub, &v1::Blobs::Stub::QueryWrite, query, &progress), absl::OkStatus());
    EXPECT_FALSE(progress.complete());
    EXPECT_EQ(progress.committed_bytes(), 0);
  }
  // A dataset that names another's blobs is refused as one whose blobs have not come.
  v1::CreateDatasetRequest stolen;
  stolen.set_dataset_id("stolen");
  v1::Label* label = stolen.mutable_manifest()->add_labels();
  label->set_name("polyp");
  label->set_value(255);
  v1::DatasetItem* item = stolen.mutable_manifest()->add_items();
  item->set_stem("item");
  *item->mutable_image() = DigestOf(GreyPng(8, 6, 0));
  *item->mutable_mask() = DigestOf(GreyPng(8, 6, 255));
  v1::Dataset made;
  status = As("b", *datasets_, &v1::Datasets::Stub::CreateDataset, stolen, &made);
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("has not been written"));
}

TEST_F(IsolationTest, WhoHasTheBytesMakesTheBlobItsOwnByWritingThem) {
  ASSERT_TRUE(PushAs("a", "secret").ok());
  const std::string bytes = GreyPng(8, 6, 0);
  const v1::Digest digest = DigestOf(bytes);
  std::string others = bytes;
  others.back() ^= 1;
  EXPECT_TRUE(absl::IsInvalidArgument(Write("b", others, digest)));
  EXPECT_FALSE(Write("b", bytes.substr(1), digest).ok());
  EXPECT_TRUE(Misses("b", digest));
  EXPECT_TRUE(absl::IsNotFound(Read("b", digest.sha256()).status()));
  EXPECT_EQ(Write("b", bytes, digest), absl::OkStatus());
  EXPECT_FALSE(Misses("b", digest));
  EXPECT_EQ(Read("b", digest.sha256()).value(), bytes);
  coordinator_->Maintain(SteadyNow());  // now the catalog knows
  EXPECT_EQ(Read("b", digest.sha256()).value(), bytes);
  ASSERT_TRUE(PushAs("b", "mine").ok());
  // Whatever becomes of the other's.
  v1::DeleteDatasetRequest request;
  request.set_name("datasets/secret");
  google::protobuf::Empty nothing;
  ASSERT_EQ(As("a", *datasets_, &v1::Datasets::Stub::DeleteDataset, request, &nothing),
            absl::OkStatus());
  EXPECT_EQ(Read("b", digest.sha256()).value(), bytes);
}

TEST_F(IsolationTest, WhatWasDeletedIsForgottenOnceItIsCollected) {
  ASSERT_TRUE(PushAs("a", "secret").ok());
  const v1::Digest digest = DigestOf(GreyPng(8, 6, 0));
  coordinator_->Maintain(SteadyNow());
  v1::DeleteDatasetRequest request;
  request.set_name("datasets/secret");
  google::protobuf::Empty nothing;
  ASSERT_EQ(As("a", *datasets_, &v1::Datasets::Stub::DeleteDataset, request, &nothing),
            absl::OkStatus());
  const absl::Time later = SteadyNow() + absl::Hours(2);
  ASSERT_TRUE(coordinator_->CollectGarbage(absl::ZeroDuration(), later).ok());
  EXPECT_TRUE(Misses("a", digest));
  // b brings the same bytes: nothing of a's is left that would open them to it.
  ASSERT_EQ(Write("b", GreyPng(8, 6, 0), digest), absl::OkStatus());
  EXPECT_TRUE(absl::IsNotFound(Read("a", digest.sha256()).status()));
}

TEST_F(IsolationTest, UnfinishedWritesAreNotGoneOnWithByOthers) {
  const std::string bytes = GreyPng(8, 6, 7);
  const v1::Digest digest = DigestOf(bytes);
  EXPECT_TRUE(absl::IsFailedPrecondition(Write("a", bytes.substr(0, 30), digest)));
  const auto stub = v1::Blobs::NewStub(channel_);
  v1::QueryWriteRequest query;
  *query.mutable_digest() = digest;
  v1::QueryWriteResponse progress;
  ASSERT_EQ(As("a", *stub, &v1::Blobs::Stub::QueryWrite, query, &progress), absl::OkStatus());
  EXPECT_EQ(progress.committed_bytes(), 30);
  ASSERT_EQ(As("b", *stub, &v1::Blobs::Stub::QueryWrite, query, &progress), absl::OkStatus());
  EXPECT_EQ(progress.committed_bytes(), 0);
}

TEST_F(IsolationTest, ResultsAreNotSharedUnlessTheCoordinatorSaysSo) {
  const std::string worker = Register();
  ASSERT_TRUE(PushAs("a", "same").ok());
  ASSERT_TRUE(PushAs("b", "same").ok());
  const v1::Job first = AlignAs("a", "datasets/same").value();
  const size_t tasks = Work(worker).size();
  const v1::Job second = AlignAs("b", "datasets/same").value();
  EXPECT_EQ(Work(worker).size(), tasks);
  EXPECT_NE(JobAs("a", first.name()).stage1_model(), JobAs("b", second.name()).stage1_model());
  // One tenant's distrust is not another's, though the bytes are the same.
  v1::DistrustResultsRequest distrust;
  distrust.set_name(first.name());
  distrust.set_stage("prepare");
  distrust.set_reason("wrong");
  v1::DistrustResultsResponse found;
  ASSERT_EQ(As("a", *jobs_, &v1::Jobs::Stub::DistrustResults, distrust, &found), absl::OkStatus());
  EXPECT_THAT(found.jobs(), ElementsAre(first.name()));
  EXPECT_THAT(JobAs("b", second.name()).warnings(), IsEmpty());
  EXPECT_FALSE(JobAs("a", first.name()).warnings().empty());
}

class SharingTest : public IsolationTest {
 protected:
  void SetUp() override {
    options_.share_results = true;
    IsolationTest::SetUp();
  }
};

TEST_F(SharingTest, SharedResultsAreTakenAndStayWithWhoIsLeft) {
  const std::string worker = Register();
  ASSERT_TRUE(PushAs("a", "same").ok());
  ASSERT_TRUE(PushAs("b", "same").ok());
  const std::string first = AlignAs("a", "datasets/same").value().name();
  Work(worker);
  const std::string second = AlignAs("b", "datasets/same").value().name();
  EXPECT_THAT(Work(worker), IsEmpty());
  const v1::Job job = JobAs("b", second);
  EXPECT_EQ(job.state(), v1::JOB_STATE_SUCCEEDED);
  EXPECT_EQ(job.stage1_model(), JobAs("a", first).stage1_model());
  absl::Status status;
  const std::vector<v1::Pair> pairs = PairsAs("b", second, &status);
  ASSERT_EQ(pairs.size(), 2u);
  EXPECT_TRUE(Read("b", pairs[0].image().sha256()).ok());
  v1::DeleteJobRequest request;
  request.set_name(first);
  google::protobuf::Empty nothing;
  ASSERT_EQ(As("a", *jobs_, &v1::Jobs::Stub::DeleteJob, request, &nothing), absl::OkStatus());
  coordinator_->Maintain(SteadyNow());
  EXPECT_TRUE(Read("b", pairs[0].image().sha256()).ok());
  v1::GetModelRequest of_model;
  of_model.set_name(job.stage1_model());
  v1::Model model;
  EXPECT_TRUE(absl::IsNotFound(As("a", *models_, &v1::Models::Stub::GetModel, of_model, &model)));
  ASSERT_EQ(As("b", *models_, &v1::Models::Stub::GetModel, of_model, &model), absl::OkStatus());
  EXPECT_THAT(model.jobs(), ElementsAre(second));
}

TEST_F(IsolationTest, ATenantsManyTasksDoNotDelayAnothersOne) {
  for (int i = 0; i < 200; ++i) {
    const std::string id = "set-" + std::to_string(i);
    ASSERT_TRUE(PushAs("a", id, 3 * i).ok());
    ASSERT_TRUE(AlignAs("a", "datasets/" + id).ok());
  }
  const std::string worker = Register();
  for (int i = 0; i < 3; ++i) {
    ASSERT_EQ(ReportSuccess(worker, Lease(worker).value()), absl::OkStatus());
  }
  ASSERT_TRUE(PushAs("b", "mine", 1000).ok());
  const std::string name = AlignAs("b", "datasets/mine").value().name();
  EXPECT_THAT(JobAs("b", name).waiting_reason(), testing::Not(HasSubstr("queued")));
  bool served = false;
  for (int i = 0; i < 2 && !served; ++i) {
    ASSERT_TRUE(Lease(worker).value().has_task());  // of the one before nothing was reported
    const v1::Job job = JobAs("b", name);
    for (const v1::Stage& stage : job.stages()) {
      served = served || stage.state() == v1::STAGE_STATE_RUNNING;
    }
  }
  EXPECT_TRUE(served);
}

TEST_F(IsolationTest, AJobThatWaitsSaysWhatForAndNamesNoOthersJob) {
  ASSERT_TRUE(PushAs("a", "set").ok());
  ASSERT_TRUE(PushAs("b", "set", 50).ok());
  const std::string of_a = AlignAs("a", "datasets/set").value().name();
  const std::string worker = Register();
  ASSERT_TRUE(Lease(worker).value().has_task());
  const std::string first = AlignAs("b", "datasets/set").value().name();
  const std::string second = AlignAs("b", "datasets/set").value().name();
  const std::string urgent = AlignAs("b", "datasets/set", 2, "", 5).value().name();
  EXPECT_EQ(JobAs("b", urgent).waiting_reason(), "1 worker, busy with jobs of other tenants");
  EXPECT_EQ(JobAs("b", second).waiting_reason(),
            "1 worker, busy with jobs of other tenants; 2 queued jobs come before it");
  EXPECT_EQ(JobAs("b", first).waiting_reason(),
            "1 worker, busy with jobs of other tenants; 1 queued job comes before it");
  v1::ListWorkersResponse workers;
  ASSERT_EQ(As("b", *fleet_, &v1::Fleet::Stub::ListWorkers, v1::ListWorkersRequest(), &workers),
            absl::OkStatus());
  ASSERT_EQ(workers.workers_size(), 1);
  EXPECT_EQ(workers.workers(0).job(), "");
  EXPECT_EQ(workers.workers(0).state(), v1::WORKER_STATE_BUSY);
}

}  // namespace
}  // namespace alignflow
