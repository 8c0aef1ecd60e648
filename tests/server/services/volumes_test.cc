#include <zlib.h>

#include <string>

#include "common/data/volume_probe.h"
#include "server/workflow/result_forms.h"
#include "tests/server/coordinator_fixture.h"

namespace alignflow {
namespace {

using testing::AllOf;
using testing::HasSubstr;

std::string Packed(const std::string& bytes) {
  std::string packed(compressBound(bytes.size()) + 32, '\0');
  z_stream stream = {};
  deflateInit2(&stream, 6, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  deflate(&stream, Z_FINISH);
  packed.resize(packed.size() - stream.avail_out);
  deflateEnd(&stream);
  return packed;
}

NiftiHeader Header(int64_t depth, NiftiType type) {
  NiftiHeader header{
      .grid = {.size = {4, 6, depth}, .affine = {1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 2, 0}},
      .type = type};
  if (type == NiftiType::kInt16) header.high = 255;
  return header;
}

// `seed`: its voxels' value.
std::string VolumeFile(int64_t depth, NiftiType type, char seed, std::string header = "") {
  const NiftiHeader geometry = Header(depth, type);
  if (header.empty()) header = CanonicalNiftiHeader(geometry);
  return Packed(header + std::string(geometry.grid.voxels() * BytesOf(type), seed));
}

class VolumesTest : public CoordinatorTest {
 protected:
  v1::Manifest Volumes(int count, int64_t depth = 5) {
    v1::Manifest manifest = ManifestOf(count);
    for (int i = 0; i < count; ++i) {
      *manifest.mutable_items(i)->mutable_image() =
          Upload(VolumeFile(depth, NiftiType::kInt16, static_cast<char>(i)));
      *manifest.mutable_items(i)->mutable_mask() =
          Upload(VolumeFile(depth, NiftiType::kUint8, static_cast<char>(i)));
      manifest.mutable_items(i)->clear_facts();
    }
    return manifest;
  }
  std::string RefusalOf(const v1::Manifest& manifest) {
    const absl::Status status = CreateDataset("spoilt", manifest);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    return std::string(status.message());
  }
};

TEST_F(VolumesTest, ADatasetOfVolumesTellsTheirSizes) {
  v1::Manifest manifest = Volumes(2);
  *manifest.mutable_items(1)->mutable_image() = Upload(VolumeFile(9, NiftiType::kInt16, 3));
  *manifest.mutable_items(1)->mutable_mask() = Upload(VolumeFile(9, NiftiType::kUint8, 3));
  ASSERT_EQ(CreateDataset("ct", manifest), absl::OkStatus());
  v1::GetDatasetRequest request;
  request.set_name("datasets/ct");
  v1::Dataset dataset;
  ASSERT_EQ(Call(*datasets_, &v1::Datasets::Stub::GetDataset, request, &dataset), absl::OkStatus());
  EXPECT_EQ(dataset.smallest(), "4x6x5");
  EXPECT_EQ(dataset.largest(), "4x6x9");
}

TEST_F(VolumesTest, PicturesAndVolumesInOneDatasetAreRefusedByName) {
  v1::Manifest manifest = Volumes(2);
  *manifest.mutable_items(1) = ManifestOf(2).items(1);
  EXPECT_THAT(RefusalOf(manifest), AllOf(HasSubstr("is a picture, but"), HasSubstr("volume")));
  manifest = Volumes(1);
  *manifest.mutable_items(0)->mutable_mask() = ManifestOf(1).items(0).mask();
  EXPECT_THAT(RefusalOf(manifest), HasSubstr("the mask is a picture"));
}

TEST_F(VolumesTest, AHeaderWithMoreThanGeometryIsRefused) {
  std::string header = CanonicalNiftiHeader(Header(5, NiftiType::kInt16));
  header.replace(148, 8, "Zeppelin");
  v1::Manifest manifest = Volumes(1);
  *manifest.mutable_items(0)->mutable_image() = Upload(VolumeFile(5, NiftiType::kInt16, 1, header));
  EXPECT_THAT(RefusalOf(manifest), HasSubstr("more than geometry"));
}

TEST_F(VolumesTest, AMaskOfOtherDepthAndAFileCutShortAreRefused) {
  v1::Manifest manifest = Volumes(1);
  *manifest.mutable_items(0)->mutable_mask() = Upload(VolumeFile(6, NiftiType::kUint8, 1));
  EXPECT_THAT(RefusalOf(manifest), AllOf(HasSubstr("4x6x6"), HasSubstr("4x6x5")));
  manifest = Volumes(1);
  const std::string whole = VolumeFile(5, NiftiType::kInt16, 1);
  *manifest.mutable_items(0)->mutable_image() = Upload(whole.substr(0, whole.size() - 2));
  EXPECT_THAT(RefusalOf(manifest), HasSubstr("does not hold all voxels"));
}

TEST_F(VolumesTest, AJobsPresetSourceAndReferencesAreOfOneKind) {
  ASSERT_EQ(CreateDataset("ct", Volumes(3)), absl::OkStatus());
  v1::CreateJobRequest request = JobRequest(1, 2);
  request.mutable_spec()->set_source("datasets/ct");
  request.mutable_spec()->clear_settings();
  const auto refusal = [&] { return std::string(CreateJob(request).status().message()); };
  EXPECT_THAT(refusal(), AllOf(HasSubstr("is of volumes"), HasSubstr("unet3d-32")));
  request.mutable_spec()->set_preset("unet3d-32");
  EXPECT_THAT(refusal(), HasSubstr("--references are pictures"));
  for (int i = 0; i < 2; ++i) {
    *request.mutable_spec()->mutable_references(i)->mutable_image() =
        Upload(VolumeFile(5, NiftiType::kInt16, static_cast<char>(60 + i)));
  }
  const absl::StatusOr<v1::Job> job = CreateJob(request);
  ASSERT_TRUE(job.ok()) << job.status();
  EXPECT_EQ(job->spec().settings().at("method"), "alignflow");
  ASSERT_EQ(CreateDataset("flat", ManifestOf(3)), absl::OkStatus());
  request.mutable_spec()->set_target("datasets/flat");
  EXPECT_THAT(refusal(), AllOf(HasSubstr("--target flat is of pictures"),
                               HasSubstr("give a dataset of volumes")));
  request.mutable_spec()->set_target("datasets/ct");
  EXPECT_THAT(refusal(), HasSubstr("no held-out ones"));
  request.mutable_spec()->clear_target();
  request.mutable_spec()->set_source("datasets/polyps");
  EXPECT_THAT(refusal(), HasSubstr("is of pictures, but the preset unet3d-32 works on volumes"));
}

}  // namespace
}  // namespace alignflow
