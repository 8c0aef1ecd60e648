#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <opencv2/core.hpp>

#include "tests/worker/tasks/task_fixture.h"
#include "worker/data/image_decode.h"
#include "worker/pairs/pair_list.h"

namespace alignflow {
namespace {

class TransferTaskTest : public TaskFixture {
 protected:
  TransferTaskTest()
      : source_(PutPhantoms(PhantomDomain::kSource, 5, true)),
        references_(PutPhantoms(PhantomDomain::kTargetA, 3, false)) {}

  std::vector<PairLine> Pairs(const char* method, const char* first, const char* last) {
    return ParsePairLines(blobs_->Read(
        Run(Spec("transfer", {{"source", source_}, {"references", references_}},
                 {{"method", method}, {"first_pair", first}, {"last_pair", last}}))["pairs"]));
  }
  cv::Scalar MeanColour(const std::string& image) {
    return cv::mean(*DecodeImage(blobs_->Read(image), "image"));
  }

  std::string source_, references_;
};

TEST_F(TransferTaskTest, PairsAreTheSourcesRecolouredWhicheverShardMakesThem) {
  for (const char* method : {"reinhard", "fda"}) {
    const std::vector<PairLine> whole = Pairs(method, "1", "5"), part = Pairs(method, "4", "5");
    ASSERT_EQ(whole.size(), 5u);
    ASSERT_EQ(part.size(), 2u);
    EXPECT_EQ(part[0].image, whole[3].image) << method;
    EXPECT_EQ(part[1].pair, 5);
    const auto manifest = *ParseManifest(blobs_->Read(source_));
    for (const PairLine& pair : whole) {
      const auto item = std::ranges::find(manifest.items, pair.origin, &DatasetItem::name);
      ASSERT_NE(item, manifest.items.end());
      EXPECT_EQ(cv::norm(*DecodeMask(blobs_->Read(pair.mask), "mask"),
                         *DecodeMask(blobs_->Read(item->mask), "mask"), cv::NORM_INF),
                0)
          << "no pixel of a mask moves";
      EXPECT_NE(pair.image, item->image);
      EXPECT_EQ(nlohmann::json::parse(pair.record).at("method"), method);
      EXPECT_EQ(nlohmann::json::parse(pair.record).at("synthetic"), "recoloured");
    }
  }
}

TEST_F(TransferTaskTest, FramingAloneChangesNoPixel) {
  const auto source = *ParseManifest(blobs_->Read(source_));
  const std::vector<PairLine> pairs = ParsePairLines(
      blobs_->Read(Run(Spec("transfer", {{"source", source_}, {"references", references_}},
                            {{"method", "framing"},
                             {"framing", "none"},
                             {"first_pair", "1"},
                             {"last_pair", "5"}}))["pairs"]));
  for (const PairLine& pair : pairs) {
    const auto item = std::ranges::find(source.items, pair.origin, &DatasetItem::name);
    ASSERT_NE(item, source.items.end());
    EXPECT_EQ(cv::norm(*DecodeImage(blobs_->Read(pair.image), "image"),
                       *DecodeImage(blobs_->Read(item->image), "image"), cv::NORM_INF),
              0);
  }
}

TEST_F(TransferTaskTest, ReinhardBringsColoursNearTheReferences) {
  const auto references = *ParseManifest(blobs_->Read(references_));
  const auto source = *ParseManifest(blobs_->Read(source_));
  cv::Scalar target, before, after;
  for (const DatasetItem& item : references.items) target += MeanColour(item.image) / 3;
  for (const DatasetItem& item : source.items) before += MeanColour(item.image) / 5;
  for (const PairLine& pair : Pairs("reinhard", "1", "5")) after += MeanColour(pair.image) / 5;
  EXPECT_LT(cv::norm(after - target), 0.5 * cv::norm(before - target));
}

}  // namespace
}  // namespace alignflow
