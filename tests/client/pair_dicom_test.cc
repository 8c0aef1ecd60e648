// Pairs that are pulled as DICOM files, and what afctl itself reads of them.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <opencv2/core.hpp>

#include "absl/strings/str_cat.h"
#include "tests/client/fake_coordinator.h"
#include "worker/data/image_decode.h"
#include "worker/volumes/volume_file.h"

namespace alignflow {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

cv::Mat Tissue(int seed) {
  cv::Mat image(8, 10, CV_8UC3);
  cv::RNG random(static_cast<uint64_t>(seed));
  random.fill(image, cv::RNG::UNIFORM, 0, 256);
  return image;
}

// The second label is in the first pair alone.
cv::Mat Structures(int pair, int background, int first, int second) {
  cv::Mat mask(8, 10, CV_8UC1, cv::Scalar(background));
  mask(cv::Rect(pair, 1, 3, 2)) = cv::Scalar(first);
  if (pair == 1) mask(cv::Rect(6, 0, 2, 8)) = cv::Scalar(second);
  return mask;
}

Volume Body(int pair) {
  Volume volume{.grid = {.size = {5, 4, 3},
                         .affine = {0.75, 0, 0, -30.5, 0, 0.8, 0, 12.25, 0, 0, 2.5, -700.125}},
                .voxels = {},
                .low = -160,
                .high = 240};
  for (int i = 0; i < 60; ++i) volume.voxels.push_back(static_cast<float>(pair * 3 * i - 160));
  return volume;
}

Volume Organ(int pair) {
  Volume mask = Body(pair);
  for (size_t i = 0; i < mask.voxels.size(); ++i) {
    mask.voxels[i] = i < 20 ? 7 : i % 5 == 0 ? 128 : 0;
  }
  mask.low = mask.high = 0;
  return mask;
}

class PairDicomTest : public testing::Test {
 protected:
  PairDicomTest() {
    v1::DatasetVersion& source = *jobs_.job.mutable_source_version();
    AddLabel("cup", 7, source);
    AddLabel("disc", 128, source);
    source.set_background(0);
    jobs_.job.mutable_spec()->set_pairs(2);
    jobs_.job.set_pairs_ready(2);
    jobs_.job.mutable_create_time()->set_seconds(1767323045);  // 2026-01-02 03:04:05
  }
  void AddPair(int index, const std::string& image, const std::string& mask) {
    v1::Pair& pair = jobs_.pairs.emplace_back();
    pair.set_index(index);
    pair.set_image_data(image);
    pair.set_mask_data(mask);
    pair.mutable_image()->set_sha256(Sha256OfString(image));
    pair.mutable_mask()->set_sha256(Sha256OfString(mask));
    pair.set_record_json(R"({"synthetic":"restyled","mask_kind":"real"})");
  }
  void AddPictures() {
    for (const int i : {1, 2}) {
      AddPair(i, *EncodePng(Tissue(i)), *EncodePng(Structures(i, 0, 7, 128)));
    }
  }
  void AddVolumes() {
    jobs_.job.mutable_spec()->set_preset("unet3d-32");
    for (const int i : {1, 2}) {
      AddPair(i, PackVolume(Body(i), NiftiType::kInt16), PackVolume(Organ(i), NiftiType::kUint8));
    }
  }
  FakeCoordinator::Outcome Pull(const std::string& format = "dicom") {
    return coordinator_.Run({"pairs", "pull", "j1", dir_, "--format", format, "--json"});
  }
  // What `afctl dataset push` would send of the folder.
  FakeCoordinator::Outcome Convert(std::vector<std::string> more = {}) {
    std::vector<std::string> arguments = {"dataset",  "convert",      dir_,      out_,  "--json",
                                          "--labels", "cup=1,disc=2", "--stems", "keep"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return coordinator_.Run(arguments);
  }
  std::map<std::string, std::string> Files() const {
    std::map<std::string, std::string> files;
    for (const auto& entry : fs::recursive_directory_iterator(dir_)) {
      if (!entry.is_directory()) files[entry.path().string()] = ReadFile(entry.path());
    }
    return files;
  }

  FakeCoordinator coordinator_;
  FakeJobs& jobs_ = coordinator_.jobs;
  TempFolder folder_;
  const fs::path dir_ = folder_.path() / "pairs", out_ = folder_.path() / "out";
};

TEST_F(PairDicomTest, PicturesAndMasksComeBackAsADataset) {
  AddPictures();
  const auto outcome = Pull();
  ASSERT_EQ(outcome.exit, 0) << outcome.err;
  const auto converted = Convert();
  ASSERT_EQ(converted.exit, 0) << converted.err;
  for (const int i : {1, 2}) {
    const std::string name = absl::StrCat("00000", i, ".png");
    const cv::Mat image = *DecodeImage(ReadFile(out_ / "images" / name), name);
    const cv::Mat mask = *DecodeMask(ReadFile(out_ / "masks" / name), name);
    EXPECT_EQ(cv::norm(image, Tissue(i), cv::NORM_INF), 0);
    EXPECT_EQ(cv::norm(mask, Structures(i, 0, 1, 2), cv::NORM_INF), 0);
  }
}

TEST_F(PairDicomTest, VolumesComeBackInTheirPlaceWithAWindowOfCt) {
  AddVolumes();
  const auto outcome = Pull();
  ASSERT_EQ(outcome.exit, 0) << outcome.err;
  const auto converted = Convert({"--window", "ct-soft-tissue"});
  ASSERT_EQ(converted.exit, 0) << converted.err;
  for (const int i : {1, 2}) {
    const std::string name = absl::StrCat("00000", i, ".nii.gz");
    const Volume image = *ReadVolume(out_ / "images" / name);
    const Volume mask = *ReadVolume(out_ / "masks" / name);
    EXPECT_EQ(image.voxels, Body(i).voxels);
    EXPECT_TRUE(IsSameGrid(image.grid, Body(i).grid));
    for (size_t voxel = 0; voxel < mask.voxels.size(); ++voxel) {
      EXPECT_EQ(mask.voxels[voxel], voxel < 20 ? 1 : voxel % 5 == 0 ? 2 : 0);
    }
  }
}

TEST_F(PairDicomTest, AnInterruptedPullGoesOnAndRepairsToTheSameBytes) {
  AddPictures();
  ASSERT_EQ(Pull().exit, 0);
  const auto whole = Files();
  EXPECT_EQ(whole.size(), 5u);
  EXPECT_EQ(Pull().json()["pulled"], 0);
  WriteFile(dir_ / "images/000001.dcm", "spoiled");
  fs::remove(dir_ / "masks/000002.dcm");
  EXPECT_EQ(Pull().json()["repaired"], 2);
  EXPECT_EQ(Files(), whole);
  const std::string manifest = ReadFile(dir_ / "manifest.jsonl");
  WriteFile(dir_ / "manifest.jsonl", manifest.substr(0, manifest.find('\n') + 9));
  EXPECT_EQ(Pull().json()["pulled"], 1);
  EXPECT_EQ(Files(), whole);
}

TEST_F(PairDicomTest, FilesThatWouldBeWrittenOtherwiseAreNotMixedIn) {
  AddPictures();
  ASSERT_EQ(Pull().exit, 0);
  // The same pixels, and another header.
  jobs_.job.mutable_create_time()->set_seconds(7);
  fs::remove(dir_ / "images/000001.dcm");
  const auto outcome = Pull();
  EXPECT_EQ(outcome.json()["error"]["code"], "DATA_LOSS");
  EXPECT_THAT(outcome.err, HasSubstr("pull into a new folder"));
}

TEST_F(PairDicomTest, ManifestKeepsTheJobsDigestsBesideThoseOfTheFiles) {
  AddPictures();
  ASSERT_EQ(Pull().exit, 0);
  const Json line = Json::parse(
      ReadFile(dir_ / "manifest.jsonl").substr(0, ReadFile(dir_ / "manifest.jsonl").find('\n')));
  EXPECT_EQ(line["format"], "dicom");
  EXPECT_EQ(line["image"], "images/000001.dcm");
  EXPECT_EQ(line["image_sha256"], jobs_.pairs[0].image().sha256());
  EXPECT_EQ(line["image_file_sha256"], Sha256OfString(ReadFile(dir_ / "images/000001.dcm")));
  EXPECT_EQ(line["mask_file_sha256"], Sha256OfString(ReadFile(dir_ / "masks/000001.dcm")));
  EXPECT_EQ(Pull("folder").json()["error"]["code"], "FAILED_PRECONDITION");
}

TEST_F(PairDicomTest, RealsThatDicomDoesNotHoldAreRefusedWithFileFieldAndRemedy) {
  AddVolumes();
  jobs_.pairs.clear();
  Volume odd = Body(1);
  odd.voxels[3] = 0.3f;
  AddPair(1, PackVolume(odd, NiftiType::kFloat32), PackVolume(Organ(1), NiftiType::kUint8));
  const auto outcome = Pull();
  EXPECT_EQ(outcome.json()["error"]["code"], "INVALID_ARGUMENT");
  EXPECT_THAT(outcome.err, testing::AllOf(HasSubstr("images/000001.dcm: "),
                                          HasSubstr("(Pixel Data)"), HasSubstr("--format folder")));
  EXPECT_FALSE(fs::exists(dir_ / "images/000001.dcm"));
}

TEST_F(PairDicomTest, MaskWithAStrayValueIsDamaged) {
  AddPair(1, *EncodePng(Tissue(1)), *EncodePng(Structures(1, 0, 7, 129)));
  EXPECT_EQ(Pull().json()["error"]["code"], "DATA_LOSS");
}

}  // namespace
}  // namespace alignflow
