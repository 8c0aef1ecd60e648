#include <filesystem>
#include <thread>

#include "absl/synchronization/notification.h"
#include "alignflow/v1/server.grpc.pb.h"
#include "server/blobs/folder_blobs.h"
#include "server/services/space_look.h"
#include "tests/server/coordinator_fixture.h"

namespace alignflow {
namespace {

class SpaceTest : public CoordinatorTest {
 protected:
  absl::StatusOr<v1::ListSpaceUsesResponse> Ask(int page_size = 0, const std::string& token = "") {
    v1::ListSpaceUsesRequest request;
    request.set_page_size(page_size);
    request.set_page_token(token);
    v1::ListSpaceUsesResponse response;
    const auto server = v1::Server::NewStub(channel_);
    absl::Status status = Call(*server, &v1::Server::Stub::ListSpaceUses, request, &response);
    if (!status.ok()) return status;
    return response;
  }
  static v1::SpaceUse UseOf(const v1::ListSpaceUsesResponse& space, v1::SpaceOwner owner,
                            const std::string& name) {
    for (const v1::SpaceUse& use : space.uses()) {
      if (use.owner() == owner && use.name() == name) return use;
    }
    ADD_FAILURE() << v1::SpaceOwner_Name(owner) << " " << name << " is not listed";
    return {};
  }
  static int64_t BlobsOfPart(const v1::SpaceUse& use, const std::string& name) {
    for (const v1::SpacePart& part : use.parts()) {
      if (part.name() == name) return part.blobs();
    }
    return 0;
  }
  std::string DoneJob(const v1::CreateJobRequest& request) {
    const std::string name = CreateJob(request).value().name();
    Work(Register());
    EXPECT_EQ(GetJob(name).state(), v1::JOB_STATE_SUCCEEDED);
    return name;
  }
  int64_t BytesOnDisk() const {
    int64_t bytes = 0;
    for (const auto& entry :
         std::filesystem::recursive_directory_iterator(folder_.path() / "state" / "blobs")) {
      const bool pins = entry.path().parent_path().filename() == "owners";
      if (entry.is_regular_file() && !pins) bytes += static_cast<int64_t>(entry.file_size());
    }
    return bytes;
  }
};

TEST_F(SpaceTest, ABlobThatADatasetHasSeveralTimesCountsOnce) {
  ASSERT_EQ(CreateDataset("polyps", ManifestOf(3)), absl::OkStatus());
  const v1::SpaceUse use = UseOf(Ask().value(), v1::SPACE_OWNER_DATASET, "datasets/polyps");
  EXPECT_EQ(BlobsOfPart(use, "images"), 3);
  EXPECT_EQ(BlobsOfPart(use, "masks"), 1) << "all have the same mask";
  EXPECT_EQ(BlobsOfPart(use, "manifest"), 1);
  EXPECT_EQ(use.blobs(), 5);
  EXPECT_EQ(use.shared_blobs(), 0);
  EXPECT_GT(use.bytes(), 0);
}

TEST_F(SpaceTest, ABlobThatSeveralHaveIsNobodysOwn) {
  ASSERT_EQ(CreateDataset("polyps", ManifestOf(3)), absl::OkStatus());
  ASSERT_EQ(CreateDataset("others", ManifestOf(2, 1)), absl::OkStatus());  // images 1 and 2
  const v1::ListSpaceUsesResponse space = Ask().value();
  const v1::SpaceUse polyps = UseOf(space, v1::SPACE_OWNER_DATASET, "datasets/polyps");
  const v1::SpaceUse others = UseOf(space, v1::SPACE_OWNER_DATASET, "datasets/others");
  EXPECT_EQ(polyps.blobs(), 2) << "image 0 and the manifest";
  EXPECT_EQ(polyps.shared_blobs(), 3) << "images 1 and 2, and the mask";
  EXPECT_EQ(others.blobs(), 1) << "the manifest";
  EXPECT_EQ(others.shared_blobs(), 3);
  EXPECT_EQ(space.shared_blobs(), 3) << "each once";
  EXPECT_EQ(space.shared_bytes(), polyps.shared_bytes());
  EXPECT_EQ(space.blobs(), 6);
}

TEST_F(SpaceTest, EveryByteOfTheFolderIsSomebodys) {
  const std::string job = DoneJob(JobRequest(40));
  const std::string second = DoneJob(JobRequest(40, 2, 150));  // other references, the same fit
  Upload("nobody's");
  const v1::ListSpaceUsesResponse space = Ask().value();
  int64_t own = 0, shared = 0;
  for (const v1::SpaceUse& use : space.uses()) {
    own += use.bytes();
    shared += use.shared_bytes();
    int64_t of_parts = 0;
    for (const v1::SpacePart& part : use.parts()) of_parts += part.bytes();
    EXPECT_EQ(of_parts, use.bytes() + use.shared_bytes()) << use.ShortDebugString();
  }
  EXPECT_EQ(own + space.shared_bytes(), space.bytes());
  EXPECT_GE(shared, 2 * space.shared_bytes());
  EXPECT_EQ(space.bytes(), BytesOnDisk());
  EXPECT_EQ(space.catalog_bytes() > 0, !TestServer::Wanted());
  for (const std::string& name : {job, second}) {
    const v1::SpaceUse use = UseOf(space, v1::SPACE_OWNER_JOB, name);
    for (const char* part : {"pairs", "models", "report", "references"}) {
      EXPECT_GT(BlobsOfPart(use, part), 0) << part;
    }
    EXPECT_GT(use.shared_blobs(), 0) << "the stage-1 model";
  }
  const v1::SpaceUse prepared = UseOf(space, v1::SPACE_OWNER_PREPARED, "datasets/polyps");
  EXPECT_EQ(prepared.blobs(), 2) << "the set and its statistics, which both jobs read";
  const v1::SpaceUse nobody = UseOf(space, v1::SPACE_OWNER_NOBODY, "");
  EXPECT_EQ(nobody.blobs(), 1);
  EXPECT_EQ(nobody.bytes(), 8);
}

TEST_F(SpaceTest, ACheckpointIsItsJobs) {
  const std::string job = CreateJob(JobRequest(2)).value().name();
  const std::string worker = Register();
  const v1::LeaseResponse fit = LeaseFit(worker);
  ASSERT_TRUE(Heartbeat(worker, fit, Upload("checkpoint").sha256()).ok());
  const v1::SpaceUse use = UseOf(Ask().value(), v1::SPACE_OWNER_JOB, job);
  EXPECT_EQ(BlobsOfPart(use, "checkpoints"), 1);
}

TEST_F(SpaceTest, TheLargestComeFirstPageByPage) {
  ASSERT_EQ(CreateDataset("small", ManifestOf(1)), absl::OkStatus());
  ASSERT_EQ(CreateDataset("large", ManifestOf(9, 100)), absl::OkStatus());
  ASSERT_EQ(CreateDataset("middle", ManifestOf(4, 50)), absl::OkStatus());
  std::vector<std::string> names;
  std::string token;
  do {
    const v1::ListSpaceUsesResponse page = Ask(1, token).value();
    ASSERT_EQ(page.uses_size(), 1);
    EXPECT_GT(page.blobs(), 14) << "the totals are on every page";
    names.push_back(page.uses(0).name());
    token = page.next_page_token();
  } while (!token.empty());
  EXPECT_THAT(names, testing::ElementsAre("datasets/large", "datasets/middle", "datasets/small"));
}

TEST_F(SpaceTest, PagesTellOfOneLookForAsLongAsItIsKept) {
  ASSERT_EQ(CreateDataset("a", ManifestOf(1)), absl::OkStatus());
  ASSERT_EQ(CreateDataset("b", ManifestOf(2)), absl::OkStatus());
  const std::string token = Ask(1).value().next_page_token();
  ASSERT_EQ(CreateDataset("c", ManifestOf(3)), absl::OkStatus());
  const v1::ListSpaceUsesResponse second = Ask(1, token).value();
  EXPECT_EQ(second.next_page_token(), "") << "c was not there yet";
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(Ask().ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(Ask(1, token).status())) << Ask(1, token).status();
  EXPECT_TRUE(absl::IsInvalidArgument(Ask(1, "7").status()));
  EXPECT_TRUE(absl::IsInvalidArgument(Ask(-1).status()));
}

// A store and a catalog by themselves.
class LookTest : public testing::Test {
 protected:
  LookTest()
      : blobs_(FolderBlobs::Open(folder_.path() / "blobs").value()), catalog_(place_.Open()) {}

  TempFolder folder_;
  const TestCatalog place_{folder_.path() / "catalog.sqlite"};
  std::unique_ptr<BlobStore> blobs_;
  std::unique_ptr<Catalog> catalog_;
};

TEST_F(LookTest, EndsOnceTheClientHasGone) {
  int asked = 0;
  const absl::Status status =
      LookAtSpace(*catalog_, *blobs_, "", [&] { return ++asked > 1; }).status();
  EXPECT_TRUE(absl::IsCancelled(status)) << status;
  EXPECT_EQ(asked, 2);
}

TEST_F(LookTest, OthersWriteBetweenItsSteps) {
  int steps = 0;
  const auto look = LookAtSpace(*catalog_, *blobs_, "", [&] {
    ++steps;
    EXPECT_EQ(catalog_->Transact([](WritingSql&) { return absl::OkStatus(); }), absl::OkStatus());
    EXPECT_EQ(catalog_->ForgetDeleted(), absl::OkStatus()) << "no transaction is open";
    return false;
  });
  EXPECT_TRUE(look.ok());
  EXPECT_GT(steps, 2);
}

TEST(SpaceLooks, WhoAsksMeanwhileGetsTheSameLook) {
  SpaceLooks looks;
  const auto never = [] { return false; };
  absl::Notification waits;
  std::shared_ptr<const SpaceLook> of_second;
  std::thread second;
  const auto first = looks.Make(
      [&]() -> absl::StatusOr<SpaceLook> {
        second = std::thread([&] {
          of_second = looks
                          .Make(
                              []() -> absl::StatusOr<SpaceLook> {
                                return absl::InternalError("looked again");
                              },
                              [&] {
                                if (!waits.HasBeenNotified()) waits.Notify();
                                return false;
                              })
                          .value();
        });
        waits.WaitForNotification();
        return SpaceLook();
      },
      never);
  second.join();
  EXPECT_EQ(of_second, *first);
  EXPECT_EQ(looks.Find((*first)->number), *first);
}

TEST(SpaceLooks, AFailureIsTheOneCallsAlone) {
  SpaceLooks looks;
  const auto never = [] { return false; };
  EXPECT_TRUE(absl::IsCancelled(
      looks.Make([]() -> absl::StatusOr<SpaceLook> { return absl::CancelledError("gone"); }, never)
          .status()));
  EXPECT_TRUE(looks.Make([]() -> absl::StatusOr<SpaceLook> { return SpaceLook(); }, never).ok());
}

}  // namespace
}  // namespace alignflow
