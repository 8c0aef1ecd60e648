#include "server/services/datasets_service.h"

#include <functional>

#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "google/protobuf/util/delimited_message_util.h"
#include "tests/server/coordinator_fixture.h"

namespace alignflow {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class DatasetsServiceTest : public CoordinatorTest {
 protected:
  // That a manifest spoilt by `spoil` is refused with a message that names the place.
  void ExpectRefused(const std::function<void(v1::Manifest&)>& spoil, const std::string& where,
                     absl::StatusCode code = absl::StatusCode::kInvalidArgument) {
    v1::Manifest manifest = ManifestOf(2);
    spoil(manifest);
    const absl::Status status = CreateDataset("spoilt", manifest);
    EXPECT_EQ(status.code(), code) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(where));
    EXPECT_EQ(CreateDataset("polyps", ManifestOf(1)), absl::OkStatus()) << "the service lives on";
  }
  absl::StatusOr<v1::Dataset> Get(const std::string& name) {
    v1::GetDatasetRequest request;
    request.set_name(name);
    v1::Dataset dataset;
    absl::Status status = Call(*datasets_, &v1::Datasets::Stub::GetDataset, request, &dataset);
    if (!status.ok()) return status;
    return dataset;
  }
  absl::Status Delete(const std::string& name) {
    v1::DeleteDatasetRequest request;
    request.set_name(name);
    google::protobuf::Empty empty;
    return Call(*datasets_, &v1::Datasets::Stub::DeleteDataset, request, &empty);
  }
};

TEST_F(DatasetsServiceTest, DescribesWhatItWasGiven) {
  v1::Manifest manifest = ManifestOf(2);
  *manifest.mutable_items(1)->mutable_image() = Upload(GreyPng(20, 10, 1));
  *manifest.mutable_items(1)->mutable_mask() = Upload(GreyPng(20, 10, 255));
  ASSERT_EQ(CreateDataset("polyps", manifest), absl::OkStatus());
  const v1::Dataset dataset = Get("datasets/polyps").value();
  EXPECT_EQ(dataset.name(), "datasets/polyps");
  EXPECT_EQ(dataset.item_count(), 2);
  EXPECT_EQ(dataset.smallest(), "8x6");
  EXPECT_EQ(dataset.largest(), "20x10");
  EXPECT_EQ(dataset.labels(0).name(), "polyp");
  EXPECT_EQ(dataset.labels(0).value(), 255);
  EXPECT_EQ(dataset.background(), 0);
  EXPECT_GT(dataset.size_bytes(), 0);
  EXPECT_GT(dataset.create_time().seconds(), 0);
}

TEST_F(DatasetsServiceTest, ACreationTellsHowFarItIs) {
  v1::CreateDatasetRequest request;
  request.set_dataset_id("polyps");
  *request.mutable_manifest() = ManifestOf(3);
  const auto create = [&](std::vector<v1::DatasetCreation>& messages) {
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(absl::Now() + absl::Minutes(2)));
    const auto reader = datasets_->CreateDatasetWithProgress(&context, request);
    for (v1::DatasetCreation message; reader->Read(&message);) messages.push_back(message);
    return FromGrpcStatus(reader->Finish());
  };
  std::vector<v1::DatasetCreation> messages;
  ASSERT_EQ(create(messages), absl::OkStatus());
  ASSERT_GE(messages.size(), 2u) << "one at the beginning";
  EXPECT_EQ(messages.front().checked_items(), 0);
  EXPECT_FALSE(messages.front().has_dataset());
  EXPECT_EQ(messages.back().checked_items(), 3);
  EXPECT_EQ(messages.back().dataset().name(), "datasets/polyps");
  EXPECT_EQ(Get("datasets/polyps").value().digest(), messages.back().dataset().digest());
  request.mutable_manifest()->mutable_items(2)->clear_mask();
  request.set_dataset_id("spoilt");
  messages.clear();
  EXPECT_TRUE(absl::IsInvalidArgument(create(messages)));
  for (const v1::DatasetCreation& message : messages) EXPECT_FALSE(message.has_dataset());
}

TEST_F(DatasetsServiceTest, ItemsMayComeAsABlob) {
  const v1::Manifest manifest = ManifestOf(3);
  v1::CreateDatasetRequest request;
  request.set_dataset_id("large");
  *request.mutable_manifest() = manifest;
  request.mutable_manifest()->clear_items();
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    for (const v1::DatasetItem& item : manifest.items()) {
      google::protobuf::util::SerializeDelimitedToZeroCopyStream(item, &stream);
    }
  }
  const auto create = [&](const std::string& blob) {
    *request.mutable_items() = Upload(blob);
    v1::Dataset dataset;
    absl::Status status = Call(*datasets_, &v1::Datasets::Stub::CreateDataset, request, &dataset);
    return status.ok() ? absl::StatusOr<v1::Dataset>(dataset) : status;
  };
  v1::Dataset inline_items;
  ASSERT_EQ(CreateDataset("small", manifest, &inline_items), absl::OkStatus());
  EXPECT_EQ(create(bytes).value().digest(), inline_items.digest());
  for (const std::string& bad : {bytes + "\x05", bytes.substr(0, bytes.size() - 1),
                                 std::string(11, '\xff'), std::string()}) {
    const absl::Status status = create(bad).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  }
  request.mutable_items()->set_sha256(std::string(64, '0'));
  v1::Dataset dataset;
  const absl::Status missing =
      Call(*datasets_, &v1::Datasets::Stub::CreateDataset, request, &dataset);
  EXPECT_TRUE(absl::IsFailedPrecondition(missing)) << missing;
}

TEST_F(DatasetsServiceTest, TheDigestIsOfTheContentAndNotOfNameOrOrder) {
  v1::Dataset first, second, other;
  v1::Manifest manifest = ManifestOf(2);
  ASSERT_EQ(CreateDataset("first", manifest, &first), absl::OkStatus());
  manifest.mutable_items()->SwapElements(0, 1);
  ASSERT_EQ(CreateDataset("second", manifest, &second), absl::OkStatus());
  ASSERT_EQ(CreateDataset("other", ManifestOf(2, 50), &other), absl::OkStatus());
  EXPECT_EQ(first.digest(), second.digest());
  EXPECT_NE(first.digest(), other.digest());
  EXPECT_TRUE(blobs_->DownloadBytes(first.digest()).ok()) << "workers read the manifest as a blob";
}

TEST_F(DatasetsServiceTest, TheSameContentAgainIsFineOtherContentIsNot) {
  v1::Dataset first, again;
  ASSERT_EQ(CreateDataset("polyps", ManifestOf(2), &first), absl::OkStatus());
  ASSERT_EQ(CreateDataset("polyps", ManifestOf(2), &again), absl::OkStatus());
  EXPECT_EQ(first.SerializeAsString(), again.SerializeAsString());
  EXPECT_TRUE(absl::IsAlreadyExists(CreateDataset("polyps", ManifestOf(3))));
}

TEST_F(DatasetsServiceTest, RefusesNamesThatAreNone) {
  for (const char* name : {"", "../x", "a/b", "Polyps", "-a", "a b"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(CreateDataset(name, ManifestOf(1)))) << name;
  }
  EXPECT_TRUE(absl::IsInvalidArgument(CreateDataset(std::string(64, 'a'), ManifestOf(1))));
  EXPECT_TRUE(absl::IsInvalidArgument(Get("datasets/../x").status()));
  EXPECT_TRUE(absl::IsInvalidArgument(Get("polyps").status()));
  EXPECT_TRUE(absl::IsNotFound(Get("datasets/polyps").status()));
}

TEST_F(DatasetsServiceTest, RefusesAnEmptyDataset) {
  ExpectRefused([](v1::Manifest& manifest) { manifest.clear_items(); }, "manifest.items");
}

TEST_F(DatasetsServiceTest, RefusesStemsThatLeaveTheFolder) {
  ExpectRefused([](v1::Manifest& manifest) { manifest.mutable_items(1)->set_stem("../x"); },
                "manifest.items[1].stem");
}

TEST_F(DatasetsServiceTest, RefusesAStemThatIsThereTwice) {
  ExpectRefused([](v1::Manifest& manifest) { manifest.mutable_items(1)->set_stem("item-0"); },
                "'item-0' is there twice");
}

TEST_F(DatasetsServiceTest, RefusesAnImageWithoutAMaskAndAMaskWithoutItsImage) {
  ExpectRefused([](v1::Manifest& manifest) { manifest.mutable_items(0)->clear_mask(); },
                "'item-0', mask");
  ExpectRefused([](v1::Manifest& manifest) { manifest.mutable_items(0)->clear_image(); },
                "'item-0', image");
}

TEST_F(DatasetsServiceTest, RefusesAMaskOfAnotherSize) {
  ExpectRefused(
      [&](v1::Manifest& manifest) {
        *manifest.mutable_items(0)->mutable_mask() = Upload(GreyPng(8, 7, 255));
      },
      "the mask is 8x7, its image 8x6");
}

// afctl has decoded every file, and a worker does so again before it is used: here no more is read
// than a header, however large a file is and however often it is named.
TEST_F(DatasetsServiceTest, NoMoreThanTheHeaderIsLookedAt) {
  v1::Manifest manifest = ManifestOf(2);
  std::string png = GreyPng(8, 6, 1);
  png[50] ^= 1;
  *manifest.mutable_items(0)->mutable_image() = Upload(png);
  png.resize(png.size() - 20);
  *manifest.mutable_items(1)->mutable_image() = Upload(png);
  EXPECT_EQ(CreateDataset("unread", manifest), absl::OkStatus());
}

TEST_F(DatasetsServiceTest, RefusesAHeaderThatIsCutShort) {
  ExpectRefused(
      [&](v1::Manifest& manifest) {
        std::string png = GreyPng(8, 6, 1);
        png.resize(20);
        *manifest.mutable_items(0)->mutable_image() = Upload(png);
      },
      "'item-0', image");
}

TEST_F(DatasetsServiceTest, RefusesWhatIsNoImage) {
  ExpectRefused(
      [&](v1::Manifest& manifest) {
        *manifest.mutable_items(0)->mutable_image() = Upload("hello");
      },
      "'item-0', image");
}

TEST_F(DatasetsServiceTest, RefusesADecompressionBomb) {
  ExpectRefused(
      [&](v1::Manifest& manifest) {
        *manifest.mutable_items(0)->mutable_image() = Upload(PngClaiming(40000, 40000, "x"));
      },
      "'item-0', image");
}

TEST_F(DatasetsServiceTest, RefusesABlobThatWasNotWritten) {
  ExpectRefused(
      [&](v1::Manifest& manifest) {
        manifest.mutable_items(0)->mutable_image()->set_sha256(std::string(64, '0'));
      },
      "has not been written", absl::StatusCode::kFailedPrecondition);
}

TEST_F(DatasetsServiceTest, RefusesASizeThatIsNotTheBlobs) {
  ExpectRefused(
      [&](v1::Manifest& manifest) {
        manifest.mutable_items(0)->mutable_image()->set_size_bytes(1);
      },
      "size_bytes");
}

TEST_F(DatasetsServiceTest, RefusesLabelsThatContradictEachOther) {
  ExpectRefused([](v1::Manifest& manifest) { manifest.set_background(255); }, "manifest.labels");
  ExpectRefused([](v1::Manifest& manifest) { manifest.clear_labels(); }, "manifest.labels");
  ExpectRefused([](v1::Manifest& manifest) { manifest.mutable_labels(0)->set_value(256); },
                "manifest.labels");
}

TEST_F(DatasetsServiceTest, LabelsInColoursComeBackAsTheyWereGiven) {
  v1::Manifest manifest = ManifestOf(1);
  manifest.mutable_labels(0)->clear_value();
  manifest.mutable_labels(0)->set_colour("#ff0000");
  manifest.set_sample_bits(12);
  v1::Dataset dataset;
  ASSERT_EQ(CreateDataset("polyps", manifest, &dataset), absl::OkStatus());
  EXPECT_EQ(dataset.labels(0).colour(), "#ff0000");
  EXPECT_EQ(dataset.background_colour(), "#000000");
  const std::string stored = blobs_->DownloadBytes(dataset.digest()).value();
  EXPECT_THAT(stored, AllOf(HasSubstr("\"colour\":\"#ff0000\""), HasSubstr("\"sample_bits\":12")));
}

TEST_F(DatasetsServiceTest, RefusesColoursAndBitsThatAreNone) {
  ExpectRefused([](v1::Manifest& manifest) { manifest.mutable_labels(0)->set_colour("red"); },
                "#rrggbb");
  ExpectRefused([](v1::Manifest& manifest) { manifest.set_sample_bits(17); }, "sample_bits");
}

TEST_F(DatasetsServiceTest, ListsNewestFirstPageByPage) {
  for (const char* id : {"a", "b", "c"}) {
    ASSERT_EQ(CreateDataset(id, ManifestOf(1)), absl::OkStatus());
  }
  v1::ListDatasetsRequest request;
  request.set_page_size(2);
  std::vector<std::string> names;
  for (int page = 0; page < 3; ++page) {
    v1::ListDatasetsResponse response;
    ASSERT_EQ(Call(*datasets_, &v1::Datasets::Stub::ListDatasets, request, &response),
              absl::OkStatus());
    for (const v1::Dataset& dataset : response.datasets()) names.push_back(dataset.name());
    if (response.next_page_token().empty()) break;
    request.set_page_token(response.next_page_token());
  }
  EXPECT_THAT(names, testing::ElementsAre("datasets/c", "datasets/b", "datasets/a"));
  request.set_page_token("nonsense");
  v1::ListDatasetsResponse response;
  EXPECT_TRUE(absl::IsInvalidArgument(
      Call(*datasets_, &v1::Datasets::Stub::ListDatasets, request, &response)));
}

// What was prepared from a dataset holds its images, so it goes with it; what was learned stays.
TEST_F(DatasetsServiceTest, ADeletedDatasetTakesWhatWasPreparedFromItAlong) {
  ASSERT_TRUE(CreateJob(JobRequest(1)).ok());
  const std::string worker = Register();
  std::map<std::string, std::string> outputs;
  for (const char* kind : {"prepare", "describe", "fit"}) {
    const v1::LeaseResponse lease = Lease(worker).value();
    ASSERT_EQ(lease.task().kind(), kind);
    for (const auto& [role, blob] : FakeOutputs(lease.task())) outputs[role] = blob;
    ASSERT_EQ(ReportSuccess(worker, lease), absl::OkStatus());
  }
  Work(worker);
  ASSERT_EQ(Delete("datasets/polyps"), absl::OkStatus());
  ASSERT_TRUE(coordinator_->CollectGarbage(-absl::Minutes(1), absl::Now()).ok());
  EXPECT_TRUE(absl::IsNotFound(blobs_->DownloadBytes(outputs.at("packed")).status()));
  EXPECT_TRUE(absl::IsNotFound(blobs_->DownloadBytes(outputs.at("statistics")).status()));
  EXPECT_TRUE(blobs_->DownloadBytes(outputs.at("model")).ok());
  // Pushed again, it is prepared again, and nothing else is computed.
  ASSERT_TRUE(CreateJob(JobRequest(1)).ok());
  EXPECT_THAT(Work(worker), testing::ElementsAre("prepare", "describe"));
}

TEST_F(DatasetsServiceTest, ADatasetInUseIsNotDeleted) {
  const v1::Job job = CreateJob(JobRequest(1)).value();
  EXPECT_TRUE(absl::IsFailedPrecondition(Delete("datasets/polyps")));
  ASSERT_TRUE(CancelJob(job.name()).ok());
  EXPECT_EQ(Delete("datasets/polyps"), absl::OkStatus());
  EXPECT_TRUE(absl::IsNotFound(Delete("datasets/polyps")));
}

}  // namespace
}  // namespace alignflow
