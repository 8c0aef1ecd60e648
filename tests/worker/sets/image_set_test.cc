#include "worker/sets/image_set.h"

#include <gtest/gtest.h>

#include "tests/worker/tasks/task_fixture.h"
#include "worker/sets/reference_set.h"
#include "worker/training/random_stream.h"

namespace alignflow {
namespace {

class ImageSetTest : public TaskFixture {
 protected:
  // Loads a manifest as references of a task.
  ImageSet References(const std::string& manifest, int64_t most = INT64_MAX) {
    const auto context = NewContext();
    return LoadReferences(*context, Spec("align", {{"references", manifest}}), most);
  }
};

TEST_F(ImageSetTest, ImagesAndMasksArriveAsTheyAre) {
  const std::string digest = PutPhantoms(PhantomDomain::kSource, 3, true);
  const ImageSet set = References(digest);
  EXPECT_EQ(set.images.sizes(), (at::IntArrayRef{3, 3, 64, 64}));
  EXPECT_EQ(set.classes.sizes(), (at::IntArrayRef{3, 64, 64}));
  EXPECT_EQ(set.names, (std::vector<std::string>{"item-100", "item-101", "item-102"}));
  EXPECT_EQ(set.note, "");
  const auto manifest = *ParseManifest(blobs_->Read(digest));
  const cv::Mat image = *DecodeImage(blobs_->Read(manifest.items[1].image), "image");
  const cv::Mat mask = *DecodeMask(blobs_->Read(manifest.items[1].mask), "mask");
  for (const auto& [row, column] : {std::pair{0, 0}, {10, 50}, {63, 20}}) {
    const cv::Vec3b bgr = image.at<cv::Vec3b>(row, column);
    for (int channel = 0; channel < 3; ++channel) {
      EXPECT_EQ(set.images[1][channel][row][column].item<uint8_t>(), bgr[2 - channel]);
    }
    EXPECT_EQ(set.classes[1][row][column].item<uint8_t>(),
              mask.at<uint8_t>(row, column) == 255 ? 1 : 0);
  }
}

TEST_F(ImageSetTest, OtherSizesAreResizedAndSaid) {
  const ImageSet set = References(PutPhantoms(PhantomDomain::kSource, 2, true, 96));
  EXPECT_EQ(set.images.sizes(), (at::IntArrayRef{2, 3, 64, 64}));
  EXPECT_NE(set.note.find("96x96"), std::string::npos) << set.note;
  EXPECT_LE(set.classes.max().item<int64_t>(), 1);
}

TEST_F(ImageSetTest, ALargeSetIsThinnedEvenly) {
  const ImageSet set = References(PutPhantoms(PhantomDomain::kSource, 5, false), 2);
  EXPECT_EQ(set.names, (std::vector<std::string>{"item-100", "item-102"}));
  EXPECT_FALSE(set.classes.defined());
}

TEST_F(ImageSetTest, BytesSurviveTheWayToFloatAndBack) {
  const at::Tensor bytes = at::arange(256, at::kByte).view({1, 1, 16, 16}).expand({1, 3, 16, 16});
  const at::Tensor images = ImagesFromBytes(bytes);
  EXPECT_EQ(images.min().item<double>(), -1);
  EXPECT_EQ(images.max().item<double>(), 1);
  EXPECT_TRUE(at::equal(BytesFromImages(images), bytes));
}

TEST_F(ImageSetTest, AFlippedImageKeepsItsMask) {
  ImageSet set;
  set.labels = *LabelTable::Parse("polyp=255");
  set.classes = at::randint(0, 2, {4, 16, 16}, at::kByte);
  set.images = set.classes.unsqueeze(1).expand({4, 3, 16, 16}).mul(255);  // the mask as a picture
  const ImageBatch batch =
      TakeBatch(set, at::arange(4), at::kCPU, RandomStream(3, RandomUse::kFitStep));
  EXPECT_TRUE(at::equal(batch.images.select(1, 0), batch.classes.to(at::kFloat) * 2 - 1));
  EXPECT_FALSE(at::equal(batch.classes, set.classes)) << "some were flipped";
}

}  // namespace
}  // namespace alignflow
