// When the coordinator takes no new work, and who hears of it.
#include "server/workflow/serving.h"

#include <sys/stat.h>

#include <atomic>
#include <string>

#include "absl/synchronization/notification.h"
#include "alignflow/v1/server.grpc.pb.h"
#include "common/settings/result_version.h"
#include "common/version.h"
#include "grpcpp/generic/generic_stub.h"
#include "grpcpp/support/byte_buffer.h"
#include "tests/server/coordinator_fixture.h"

namespace alignflow {
namespace {

using testing::HasSubstr;

constexpr int64_t kPlenty = int64_t{100} << 30;
constexpr int64_t kLittle = int64_t{1} << 20;

class ServingTest : public CoordinatorTest {
 protected:
  void SetUp() override {
    free_disk_ = [this] { return disk_.load(); };
    Start();
  }
  void SetDisk(int64_t bytes) {
    disk_ = bytes;
    coordinator_->Maintain(absl::Now());
  }

  v1::ServerInfo Info() {
    const auto stub = v1::Server::NewStub(channel_);
    v1::ServerInfo info;
    EXPECT_EQ(Call(*stub, &v1::Server::Stub::GetServerInfo, v1::GetServerInfoRequest(), &info),
              absl::OkStatus());
    return info;
  }

  // The status that gRPC's health service gives for the whole server: 1 SERVING, 2 NOT_SERVING.
  int Health() {
    grpc::GenericStub stub(channel_);
    grpc::ClientContext context;
    const grpc::Slice empty;
    const grpc::ByteBuffer request(&empty, 1);
    grpc::ByteBuffer response;
    absl::Notification done;
    stub.UnaryCall(&context, "/grpc.health.v1.Health/Check", grpc::StubOptions(), &request,
                   &response, [&](const grpc::Status& status) {
                     EXPECT_TRUE(status.ok()) << status.error_message();
                     done.Notify();
                   });
    done.WaitForNotification();
    grpc::Slice bytes;
    EXPECT_TRUE(response.DumpToSingleSlice(&bytes).ok());
    return bytes.size() == 2 ? *(bytes.begin() + 1) : 0;  // field 1, a varint
  }

  std::atomic<int64_t> disk_ = kPlenty;
};

TEST_F(ServingTest, SaysWhichVersionItIs) {
  EXPECT_EQ(Info().version(), Version());
  EXPECT_EQ(Info().result_version(), kResultVersion);
  EXPECT_EQ(Info().state(), v1::SERVER_STATE_SERVING);
  EXPECT_EQ(Health(), 1);
}

TEST_F(ServingTest, WhileItClosesItIsUnhealthyAndTakesNoJobs) {
  const v1::CreateJobRequest request = JobRequest(1);
  coordinator_->Drain(absl::ZeroDuration());
  EXPECT_EQ(Health(), 2);
  EXPECT_EQ(Info().state(), v1::SERVER_STATE_DRAINING);
  const absl::Status refused = CreateJob(request).status();
  EXPECT_TRUE(absl::IsUnavailable(refused)) << refused;
  EXPECT_TRUE(absl::IsUnavailable(CreateDataset("more", v1::Manifest())));
}

TEST_F(ServingTest, ADiskThatIsAlmostFullStopsNewWorkAndWhatRunsGoesOn) {
  const v1::CreateJobRequest request = JobRequest(1);
  const std::string name = CreateJob(request).value().name();
  const std::string worker = Register();
  const v1::LeaseResponse lease = Lease(worker).value();
  ASSERT_TRUE(lease.has_task());
  const v1::CreateJobRequest another = JobRequest(1, 2, 50);
  SetDisk(kLittle);
  EXPECT_EQ(Health(), 2);
  EXPECT_EQ(Info().state(), v1::SERVER_STATE_DISK_LOW);
  EXPECT_EQ(Info().free_disk_bytes(), kLittle);
  const absl::Status refused = CreateJob(another).status();
  EXPECT_TRUE(absl::IsResourceExhausted(refused)) << refused;
  EXPECT_THAT(std::string(refused.message()), HasSubstr("--disk-reserve"));
  EXPECT_EQ(ReportSuccess(worker, lease), absl::OkStatus());
  EXPECT_FALSE(Lease(worker).value().has_task());
  EXPECT_THAT(GetJob(name).waiting_reason(), HasSubstr("disk"));
  SetDisk(kPlenty);
  EXPECT_EQ(Health(), 1);
  EXPECT_TRUE(Lease(worker).value().has_task());
  EXPECT_EQ(GetJob(name).waiting_reason(), "");
}

TEST_F(ServingTest, WhatLiesInTheStateFolderIsItsOwnersAlone) {
  ASSERT_TRUE(CreateJob(JobRequest(1)).ok());
  const std::filesystem::path state = folder_.path() / "state";
  blobs_.reset();
  channel_.reset();
  coordinator_.reset();
  // As an older release left it.
  std::filesystem::permissions(state, std::filesystem::perms(0755));
  if (!TestServer::Wanted()) {
    std::filesystem::permissions(state / "catalog.sqlite", std::filesystem::perms(0644));
  }
  std::filesystem::permissions(state / "blobs" / "00", std::filesystem::perms(0755));
  Start();
  for (const auto& entry : std::filesystem::recursive_directory_iterator(state)) {
    EXPECT_EQ(static_cast<int>(entry.status().permissions()) & 077, 0) << entry.path();
  }
  EXPECT_EQ(static_cast<int>(std::filesystem::status(state).permissions()), 0700);
}

}  // namespace
}  // namespace alignflow
