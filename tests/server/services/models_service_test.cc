#include "server/services/models_service.h"

#include "tests/server/coordinator_fixture.h"

namespace alignflow {
namespace {

class ModelsServiceTest : public CoordinatorTest {
 protected:
  absl::StatusOr<v1::Model> Get(const std::string& name) {
    v1::GetModelRequest request;
    request.set_name(name);
    v1::Model model;
    absl::Status status = Call(*models_, &v1::Models::Stub::GetModel, request, &model);
    if (!status.ok()) return status;
    return model;
  }
  absl::Status Delete(const std::string& name) {
    v1::DeleteModelRequest request;
    request.set_name(name);
    google::protobuf::Empty empty;
    return Call(*models_, &v1::Models::Stub::DeleteModel, request, &empty);
  }
};

TEST_F(ModelsServiceTest, AJobLeavesItsTwoModels) {
  Work(Register());
  const std::string name = CreateJob(JobRequest(1)).value().name();
  Work(Register());
  const v1::Job job = GetJob(name);
  v1::ListModelsResponse list;
  ASSERT_EQ(Call(*models_, &v1::Models::Stub::ListModels, v1::ListModelsRequest(), &list),
            absl::OkStatus());
  ASSERT_EQ(list.models_size(), 2);
  EXPECT_EQ(list.models(0).name(), job.stage2_model());
  EXPECT_EQ(list.models(0).stage(), "align");
  EXPECT_EQ(list.models(1).stage(), "fit");
  const v1::Model model = Get(job.stage1_model()).value();
  EXPECT_EQ(model.preset(), "unet-64");
  EXPECT_THAT(model.jobs(), testing::ElementsAre(name));
  EXPECT_EQ(model.source_digest().size(), 64u);

  grpc::ClientContext context;
  v1::ExportModelRequest request;
  request.set_name(model.name());
  request.set_offset(6);
  const auto reader = models_->ExportModel(&context, request);
  std::string bytes;
  for (v1::ReadBlobResponse chunk; reader->Read(&chunk);) bytes += chunk.data();
  EXPECT_TRUE(reader->Finish().ok());
  EXPECT_EQ(bytes, blobs_->DownloadBytes(model.weights().sha256()).value().substr(6));
}

TEST_F(ModelsServiceTest, ADeletedModelIsComputedAgainWhenItIsNeeded) {
  const std::string worker = Register();
  const std::string name = CreateJob(JobRequest(1)).value().name();
  EXPECT_TRUE(absl::IsNotFound(Delete("models/0")));
  Work(worker, 3);
  const std::string model = GetJob(name).stage1_model();
  EXPECT_TRUE(absl::IsFailedPrecondition(Delete(model))) << "the job still needs it";
  Work(worker);
  const std::string weights = Get(model).value().weights().sha256();
  ASSERT_EQ(Delete(model), absl::OkStatus());
  EXPECT_TRUE(absl::IsNotFound(Get(model).status()));
  EXPECT_EQ(GetJob(name).stage1_model(), "");
  ASSERT_TRUE(coordinator_->CollectGarbage(-absl::Minutes(1), absl::Now()).ok());
  EXPECT_TRUE(absl::IsNotFound(blobs_->DownloadBytes(weights).status()));

  const v1::Job again = CreateJob(JobRequest(1)).value();
  EXPECT_EQ(StageOf(again, "fit").state(), v1::STAGE_STATE_QUEUED);
  EXPECT_THAT(Work(worker), testing::ElementsAre("fit")) << "what follows from it is still there";
  EXPECT_EQ(GetJob(again.name()).state(), v1::JOB_STATE_SUCCEEDED);
  EXPECT_TRUE(Get(model).ok());
}

}  // namespace
}  // namespace alignflow
