#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/worker/tasks/volume_fixture.h"
#include "worker/models/unet/backbone.h"
#include "worker/models/unet/memory.h"
#include "worker/sets/prepared_set.h"
#include "worker/sets/volume_row.h"

namespace alignflow {
namespace {

using testing::HasSubstr;

class VolumeSetTest : public VolumeFixture {
 protected:
  ImageSet Map(const std::string& packed) { return MapPrepared(blobs_->PathOf(packed)); }
};

TEST_F(VolumeSetTest, VolumesArePreparedAsCubesWithTheirPlacesInSpace) {
  const ImageSet set = Map(Packed(PutVolumes(PhantomDomain::kSource, 3, true)));
  EXPECT_EQ(set.images.sizes(), (at::IntArrayRef{3, 1, 32, 32, 32}));
  EXPECT_EQ(set.classes.sizes(), (at::IntArrayRef{3, 32, 32, 32}));
  EXPECT_TRUE(at::equal(set.volumes.sizes[1], at::tensor({24, 24, 15}, at::kLong)));
  EXPECT_EQ(set.volumes.ranges[2][1].item<float>(), 240);
  EXPECT_EQ(set.classes.max().item<int>(), 2);
  EXPECT_EQ(set.facts.with_structures, 3);
  // 320 x 320 x 240 mm: a quarter of the cube is black, above and below.
  EXPECT_EQ(set.images.slice(2, 0, 4).max().item<int>(), 0);
  EXPECT_GT(set.images.slice(2, 4, 28).max().item<int>(), 0);
}

TEST_F(VolumeSetTest, PreparedBytesDoNotDependOnTheThreads) {
  const std::string manifest = PutVolumes(PhantomDomain::kSource, 3, true);
  const std::string one = Packed(manifest);
  at::set_num_threads(3);
  EXPECT_EQ(Packed(manifest), one);
  at::set_num_threads(1);
}

TEST_F(VolumeSetTest, PicturesAndVolumesAreNotTakenForEachOther) {
  TaskSpec spec = PrepareSpec(PutPhantoms(PhantomDomain::kSource, 2, true));
  auto context = NewContext();
  EXPECT_THAT(std::string(RunTask(spec, *context).status().message()), HasSubstr("is of pictures"));
  spec = PrepareSpec(PutVolumes(PhantomDomain::kSource, 2, true));
  spec.settings.erase("dims");
  context = NewContext();
  EXPECT_THAT(std::string(RunTask(spec, *context).status().message()), HasSubstr("is of volumes"));
}

TEST_F(VolumeSetTest, ARowComesBackAsFilesInItsVolumesPlaceAndValues) {
  const ImageSet set = Map(Packed(PutVolumes(PhantomDomain::kSource, 2, true)));
  const VolumePair pair =
      EncodeVolumes(set.images[1], set.classes[1], set.labels, set.volumes.Row(1));
  const auto image = blobs_->PathOf(blobs_->Put(pair.image)),
             mask = blobs_->PathOf(blobs_->Put(pair.mask));
  at::Tensor cube = at::empty({1, 32, 32, 32}, at::kByte),
             classes = at::empty({32, 32, 32}, at::kByte);
  MaskFacts facts;
  const absl::Status status = DecodeVolume("pair 1", image, mask, set.labels, cube, classes,
                                           VolumeRows::Empty(1).Row(0), facts);
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_TRUE(at::equal(classes, set.classes[1]));
  // Hounsfield units are whole numbers: within a step of the 256.
  EXPECT_LE((cube.to(at::kInt) - set.images[1].to(at::kInt)).abs().max().item<int>(), 1);
  EXPECT_EQ(facts.classes.at("organ").structures, 1);
}

TEST_F(VolumeSetTest, SlicesGoThroughWhatAMaskShowsAsReadersLookAtThem) {
  at::Tensor volume = at::zeros({1, 1, 8, 8, 8}, at::kByte),
             classes = at::zeros({1, 8, 8, 8}, at::kByte);
  classes[0][6][1][2] = 1;
  volume[0][0][6][1][2] = 200;
  const Pictures pictures = PicturesOf(volume, classes);
  EXPECT_EQ(pictures.images.sizes(), (at::IntArrayRef{1, 3, 8, 24}));
  EXPECT_EQ(pictures.classes.sizes(), (at::IntArrayRef{1, 8, 24}));
  // Front and top are up, and the patient's right is on the left.
  EXPECT_EQ(pictures.images[0][0][6][5].item<int>(), 200) << "axial";
  EXPECT_EQ(pictures.images[0][0][1][8 + 5].item<int>(), 200) << "coronal";
  EXPECT_EQ(pictures.images[0][0][1][16 + 6].item<int>(), 200) << "sagittal";
  EXPECT_EQ(pictures.classes.sum().item<int>(), 3);
}

TEST_F(VolumeSetTest, StageOneLearnsVolumesAndMakesNewOnes) {
  const std::string packed = Packed(PutVolumes(PhantomDomain::kSource, 3, true));
  const TaskOutputs fitted = Run(Spec3d("fit", {{"source", packed}}));
  const TaskSpec generate = Spec3d("generate", {{"source", packed}, {"model", fitted.at("model")}},
                                   {{"method", "controlnet-fm"}, {"generate.mix", "generated:1"}});
  const auto lines = [&](int64_t first, int64_t last) {
    return LinesOf(Run(Pairs(generate, first, last))["pairs"]);
  };
  const std::vector<std::string> whole = lines(1, 3);
  ASSERT_EQ(whole.size(), 3u);
  EXPECT_EQ(lines(2, 2).front(), whole[1]) << "whichever shard";
  const nlohmann::json line = nlohmann::json::parse(whole.front());
  EXPECT_EQ(line.at("record").at("synthetic"), "generated");
  const absl::StatusOr<Volume> image = ReadVolume(blobs_->PathOf(line.at("image")));
  ASSERT_TRUE(image.ok()) << image.status();
  EXPECT_EQ(image->grid.size, (std::array<int64_t, 3>{32, 32, 24}));
  EXPECT_EQ(image->low, -160);
}

TEST(UNetMemoryTest, TheEstimateGrowsWithTheBatchAndCountsTheWeights) {
  const UNetBackboneConfig config = UNetPreset("unet3d-32", 3);
  const int64_t one = EstimateUNetMemory(config, 1).Total(),
                four = EstimateUNetMemory(config, 4).Total();
  EXPECT_GT(four - one, 2 * (EstimateUNetMemory(config, 2).Total() - one));
  int64_t parameters = 0;
  UNetBackbone model(config);
  for (const at::Tensor& parameter : model.fit_parameters()) parameters += parameter.numel();
  const auto counted = static_cast<double>(EstimateUNetMemory(config, 0).Total()) / (5 * 4);
  EXPECT_NEAR(counted / static_cast<double>(parameters), 1, 0.2);
}

}  // namespace
}  // namespace alignflow
