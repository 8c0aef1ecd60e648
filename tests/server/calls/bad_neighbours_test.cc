// What clients that hold calls open, say nothing or take nothing do to everyone else: nothing.
#include <list>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/synchronization/blocking_counter.h"
#include "common/channel.h"
#include "prometheus/text_serializer.h"
#include "server/calls/reactors.h"
#include "tests/server/coordinator_fixture.h"

namespace alignflow {
namespace {

class BadNeighboursTest : public CoordinatorTest {
 protected:
  // A call whose stream the test holds.
  template <typename Stream>
  struct Open {
    grpc::ClientContext context;
    v1::WriteBlobResponse response;
    std::unique_ptr<Stream> stream;
  };
  using Write = Open<grpc::ClientWriter<v1::WriteBlobRequest>>;
  using Watch = Open<grpc::ClientReader<v1::JobEvent>>;

  // Sends one byte of a blob of two, and nothing more.
  void StartSilentWrite(v1::Blobs::Stub& stub, Write& write, int number) {
    const BlobRef blob = DescribeBytes(std::to_string(10 + number));
    v1::WriteBlobRequest request;
    request.mutable_digest()->set_sha256(blob.sha256);
    request.mutable_digest()->set_size_bytes(2);
    request.set_data("1");
    write.stream = stub.Write(&write.context, &write.response);
    write.stream->Write(request);
  }

  void StartWatch(const std::string& job, Watch& watch) {
    v1::WatchJobRequest request;
    request.set_name(job);
    watch.stream = jobs_->WatchJob(&watch.context, request);
  }

  void MakeTimePass(absl::Duration duration) { coordinator_->Maintain(absl::Now() + duration); }

  // Whether there is a call of the kind, as the metrics tell.
  bool AnyOpen(const std::string& kind) {
    coordinator_->Maintain(absl::Now());
    const std::string text =
        prometheus::TextSerializer().Serialize(coordinator_->metrics()->Collect());
    return !absl::StrContains(text, "alignflow_open_calls{kind=\"" + kind + "\"} 0");
  }
};

TEST_F(BadNeighboursTest, SilentWritesHoldUpNoHeartbeatAndEnd) {
  ASSERT_TRUE(CreateJob(JobRequest(1)).ok());
  const std::string worker = Register();
  const v1::LeaseResponse lease = Lease(worker).value();
  const auto stub = v1::Blobs::NewStub(coordinator_->InProcessChannel());
  std::list<Write> writes(270);
  int number = 0;
  for (Write& write : writes) StartSilentWrite(*stub, write, number++);
  EXPECT_TRUE(Heartbeat(worker, lease).ok());
  MakeTimePass(2 * kClientSilence);
  int silent = 0;
  for (Write& write : writes) {
    const absl::Status status = FromGrpcStatus(write.stream->Finish());
    if (absl::IsDeadlineExceeded(status)) {
      ++silent;
    } else {
      EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
    }
  }
  EXPECT_GT(silent, 0);
  EXPECT_LE(silent, LimitOf(CallKind::kWrite).per_client);
  EXPECT_TRUE(Heartbeat(worker, lease).ok());
  // What had come is there still.
  const BlobRef first = DescribeBytes("10");
  EXPECT_EQ(blobs_->Upload(first, "10"), absl::OkStatus());
}

TEST_F(BadNeighboursTest, AClientThatTakesNothingOfWhatItAskedForIsLetGo) {
  const v1::Digest large = Upload(std::string(32 << 20, 'x'));
  const auto stub = v1::Blobs::NewStub(channel_);
  grpc::ClientContext context;
  v1::ReadBlobRequest request;
  *request.mutable_digest() = large;
  const auto reader = stub->Read(&context, request);
  v1::ReadBlobResponse chunk;
  ASSERT_TRUE(reader->Read(&chunk));
  while (AnyOpen("read")) MakeTimePass(2 * kClientSilence);
  int64_t bytes = static_cast<int64_t>(chunk.data().size());
  while (reader->Read(&chunk)) bytes += static_cast<int64_t>(chunk.data().size());
  EXPECT_FALSE(reader->Finish().ok());
  EXPECT_LT(bytes, large.size_bytes());
}

TEST_F(BadNeighboursTest, WatchersOfAQueuedJobDoNotKeepWorkersFromIt) {
  const std::string name = CreateJob(JobRequest(1)).value().name();
  std::list<Watch> watches(200);
  for (Watch& watch : watches) {
    StartWatch(name, watch);
    v1::JobEvent event;
    ASSERT_TRUE(watch.stream->Read(&event));
  }
  const std::string worker = Register();
  const v1::LeaseResponse lease = Lease(worker).value();
  ASSERT_TRUE(lease.has_task());
  EXPECT_TRUE(Heartbeat(worker, lease).ok());
  for (Watch& watch : watches) {
    v1::JobEvent event;
    while (event.job().state() != v1::JOB_STATE_RUNNING) ASSERT_TRUE(watch.stream->Read(&event));
    watch.context.TryCancel();
    (void)watch.stream->Finish();
  }
}

TEST_F(BadNeighboursTest, AsManyWorkersMayBeIdleAsThereAre) {
  struct Idle {
    grpc::ClientContext context;
    v1::LeaseRequest request;
    v1::LeaseResponse response;
    absl::Status status;
  };
  std::list<Idle> idle(300);
  absl::BlockingCounter waiting(300);
  for (Idle& worker : idle) {
    worker.request.set_worker_id(Register());
    worker.request.mutable_wait()->set_seconds(30);
    workers_->async()->Lease(&worker.context, &worker.request, &worker.response,
                             [&](const grpc::Status& status) {
                               worker.status = FromGrpcStatus(status);
                               waiting.DecrementCount();
                             });
  }
  const std::string name = CreateJob(JobRequest(1)).value().name();
  Watch watch;
  StartWatch(name, watch);
  v1::JobEvent event;
  while (event.job().state() != v1::JOB_STATE_RUNNING) ASSERT_TRUE(watch.stream->Read(&event));
  coordinator_->Drain(absl::ZeroDuration());
  waiting.Wait();
  int leased = 0;
  for (const Idle& worker : idle) {
    EXPECT_EQ(worker.status, absl::OkStatus());
    leased += worker.response.has_task() ? 1 : 0;
  }
  EXPECT_GE(leased, 1);
}

TEST_F(BadNeighboursTest, AMessageThatIsTooLargeIsRefusedUnread) {
  v1::CreateDatasetRequest request;
  request.set_dataset_id("large");
  request.mutable_manifest()->add_items()->set_stem(std::string(kMaxMessageBytes, 'x'));
  v1::Dataset dataset;
  const absl::Status status =
      Call(*datasets_, &v1::Datasets::Stub::CreateDataset, request, &dataset);
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
}

}  // namespace
}  // namespace alignflow
