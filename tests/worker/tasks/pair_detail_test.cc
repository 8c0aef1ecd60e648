// Pairs that are handed out larger than the task works at.

#include "worker/pairs/pair_detail.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <opencv2/core.hpp>

#include "tests/worker/framing/drawn_pictures.h"
#include "tests/worker/tasks/task_fixture.h"
#include "worker/pairs/pair_list.h"
#include "worker/sets/pixels.h"
#include "worker/sets/prepared_set.h"

namespace alignflow {
namespace {

constexpr int64_t kLarge = 256;

class PairDetailTest : public TaskFixture {
 protected:
  PairDetailTest() {
    DatasetManifest manifest;
    manifest.labels = PhantomLabels(PhantomKind::kPolyp);
    for (int i = 0; i < 4; ++i) {
      const Phantom phantom = MakePhantom(
          {.kind = PhantomKind::kPolyp, .domain = PhantomDomain::kSource, .count = 4, .size = 256},
          i);
      cv::Mat image = phantom.image.clone();
      // Finer than the model sees.
      cv::Mat grain(image.size(), CV_8SC3);
      cv::RNG random(7 + i);
      random.fill(grain, cv::RNG::UNIFORM, -20, 21);
      cv::add(image, grain, image, cv::noArray(), CV_8U);
      manifest.items.push_back({.name = "fine-" + std::to_string(i),
                                .image = blobs_->Put(*EncodePng(image)),
                                .mask = blobs_->Put(*EncodePng(phantom.mask)),
                                .width = image.cols,
                                .height = image.rows});
    }
    source_ = blobs_->Put(*WriteManifest(manifest));
    references_ = PutPhantoms(PhantomDomain::kTargetA, 3, false, 256);
  }

  std::vector<PairLine> Transferred(SettingMap given) {
    given.insert({{"pairs.size", "256"}, {"first_pair", "1"}, {"last_pair", "4"}});
    return ParsePairLines(blobs_->Read(
        Run(Spec("transfer", {{"source", source_}, {"references", references_}}, given))["pairs"]));
  }
  std::vector<std::string> Generated(const std::string& mix, int64_t first, int64_t last) {
    if (model_.empty()) {
      model_ = Run(Spec("fit", {{"source", source_}}, {{"fit.iterations", "1"}}))["model"];
    }
    return LinesOf(Run(Spec("generate", {{"source", source_}, {"model", model_}},
                            {{"pairs.size", "256"},
                             {"generate.mix", mix},
                             {"generate.steps", "1"},
                             {"restyle.detail", "0.5"},
                             {"first_pair", std::to_string(first)},
                             {"last_pair", std::to_string(last)}}))["pairs"]);
  }
  // The item's own picture at that size, float [1,3,L,L], and its classes.
  at::Tensor OwnImage(const std::string& name, int64_t size = kLarge) {
    const ImageSet set = Whole(size);
    return ImagesFromBytes(set.images[RowOf(set, name)].unsqueeze(0));
  }
  at::Tensor OwnClasses(const std::string& name, int64_t size = kLarge) {
    const ImageSet set = Whole(size);
    return set.classes[RowOf(set, name)];
  }
  at::Tensor Image(const PairLine& pair) {
    return ImagesFromBytes(
        TensorOfImage(*DecodeImage(blobs_->Read(pair.image), "image")).unsqueeze(0));
  }
  at::Tensor Classes(const PairLine& pair) {
    cv::Mat mask = *DecodeMask(blobs_->Read(pair.mask), "mask");
    return TensorOfMask(mask).gt(0).to(at::kByte);
  }
  ImageSet Whole(int64_t size) { return MapPrepared(blobs_->PathOf(Prepared(source_, size))); }

  std::string source_, references_, model_;

 private:
  static int64_t RowOf(const ImageSet& set, const std::string& name) {
    return std::ranges::find(set.names, name) - set.names.begin();
  }
};

// What a model at that size can see of an image.
at::Tensor Coarse(const at::Tensor& image) {
  return EnlargedImage(at::adaptive_avg_pool2d(image, {64, 64}), image.size(-1));
}
double Mean(const at::Tensor& values) { return values.abs().mean().item<double>(); }

TEST_F(PairDetailTest, PicturesAreReadAnewAsAPreparedSetOfThatSizeHasThem) {
  for (const PairLine& pair : Transferred({{"method", "framing"}})) {
    EXPECT_LT(Mean(Image(pair) - OwnImage(pair.origin)), 1e-6) << pair.origin;
    EXPECT_TRUE(at::equal(Classes(pair), OwnClasses(pair.origin)));
  }
}

TEST_F(PairDetailTest, ViewsAreTheSameAtBothSizes) {
  for (const PairLine& pair : Transferred({{"method", "framing"}, {"framing", "source"}})) {
    const ImageSet views = MapPrepared(blobs_->PathOf(Prepared(source_, kLarge, "view")));
    const int64_t row = std::ranges::find(views.names, pair.origin) - views.names.begin();
    const at::Tensor view = TensorOfImage(*DecodeImage(blobs_->Read(pair.view_image), "view"));
    EXPECT_TRUE(at::equal(view, views.images[row])) << pair.origin;
  }
}

TEST_F(PairDetailTest, ColourTransferKeepsEveryPixelsDetailAndMask) {
  for (const char* method : {"reinhard", "fda"}) {
    for (const PairLine& pair : Transferred({{"method", method}})) {
      const at::Tensor made = Image(pair), own = OwnImage(pair.origin);
      ASSERT_EQ(made.size(2), kLarge);
      const auto grain = [](const at::Tensor& image) { return Mean(image - Coarse(image)); };
      EXPECT_GT(grain(made), 0.4 * grain(own)) << method;
      EXPECT_GT(Mean(made - own), 0.02) << method << " changed nothing";
      EXPECT_TRUE(at::equal(Classes(pair), OwnClasses(pair.origin)));
    }
  }
}

TEST_F(PairDetailTest, ARestyledPairIsItsOwnPictureWithWhatTheModelChanged) {
  for (const std::string& line : Generated("restyled:1", 1, 4)) {
    const PairLine pair = ParsePairLines(line).front();
    EXPECT_EQ(nlohmann::json::parse(pair.record).at("made_at"), 64);
    const at::Tensor change = Image(pair) - OwnImage(pair.origin);
    EXPECT_GT(Mean(change), 0.005) << "the model changed nothing";
    // The change has nothing finer than the model's pixels, but where it ends at black or white.
    const at::Tensor coarse = Coarse(change);
    EXPECT_LT(Mean(change - coarse), 0.35 * Mean(change));
    EXPECT_TRUE(at::equal(Classes(pair), OwnClasses(pair.origin)));
  }
}

TEST_F(PairDetailTest, AGeneratedPairIsEnlargedAndSaysSo) {
  const PairLine pair = ParsePairLines(Generated("generated:1", 1, 1).front()).front();
  EXPECT_EQ(nlohmann::json::parse(pair.record).at("made_at"), 64);
  const at::Tensor image = Image(pair);
  ASSERT_EQ(image.size(2), kLarge);
  EXPECT_LT(Mean(image - Coarse(image)), 0.05);
  const at::Tensor same = Classes(pair).eq(OwnClasses(pair.origin));
  EXPECT_GT(same.to(at::kFloat).mean().item<double>(), 0.97);
}

TEST_F(PairDetailTest, APairIsTheSameWhicheverShardMakesIt) {
  ExpectSameWhicheverShard([&](int64_t first, int64_t last) {
    return Generated("restyled:0.5,recoloured:0.5", first, last);
  });
}

TEST_F(PairDetailTest, AFrameHasTheSizeOfItsPair) {
  for (const PairLine& pair : Transferred({{"method", "reinhard"}, {"framing", "references"}})) {
    EXPECT_EQ(DecodeImage(blobs_->Read(pair.image), "image")->cols, kLarge);
    EXPECT_EQ(DecodeImage(blobs_->Read(pair.view_image), "view")->cols, kLarge);
    EXPECT_EQ(nlohmann::json::parse(pair.record).at("framing").at("width"), kLarge);
  }
}

TEST_F(PairDetailTest, SegmentersTrainOnPairsAtASizeOfTheirOwn) {
  const std::string pairs = Run(Spec("transfer", {{"source", source_}, {"references", references_}},
                                     {{"method", "reinhard"},
                                      {"pairs.size", "256"},
                                      {"first_pair", "1"},
                                      {"last_pair", "4"}}))["pairs"];
  const auto scores = [&](int64_t prepared) {
    TaskSpec spec =
        Spec("evaluate",
             {{"source", Prepared(source_, prepared)},
              {"target", Prepared(source_, prepared)},
              {"pairs/000000", pairs}},
             {{"evaluate.size", "128"}, {"evaluate.batch", "2"}, {"evaluate.iterations", "2"}});
    spec.settings["run"] = "1";
    const auto context = NewContext();
    return RunTask(spec, *context).status();
  };
  EXPECT_TRUE(scores(128).ok()) << scores(128);
  EXPECT_THAT(std::string(scores(64).message()), testing::HasSubstr("128"));
}

TEST_F(PairDetailTest, PairsSmallerThanTheTaskWorksAtAreRefused) {
  TaskSpec spec = Spec("transfer", {{"source", source_}, {"references", references_}},
                       {{"method", "reinhard"}, {"first_pair", "1"}, {"last_pair", "1"}});
  spec.settings["pairs.size"] = "32";
  const auto context = NewContext();
  const absl::Status status = RunTask(spec, *context).status();
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_THAT(std::string(status.message()), testing::HasSubstr("pairs.size"));
}

TEST(EnlargedClassesTest, OutlinesHaveNoStepsAndEveryClassKeepsItsArea) {
  // Two classes in a disc of radius 20 of 64, its upper half the second.
  at::Tensor classes = at::zeros({64, 64}, at::kByte), ideal = at::zeros({256, 256}, at::kByte);
  const auto draw = [](at::Tensor& to) {
    const double side = static_cast<double>(to.size(0));
    auto pixels = to.accessor<uint8_t, 2>();
    for (int64_t y = 0; y < to.size(0); ++y) {
      for (int64_t x = 0; x < to.size(1); ++x) {
        const double u = (x + 0.5) / side - 0.5, v = (y + 0.5) / side - 0.5;
        if (u * u + v * v > 0.1) continue;
        pixels[y][x] = v < 0 ? 2 : 1;
      }
    }
  };
  draw(classes);
  draw(ideal);
  const at::Tensor enlarged = EnlargedClasses(classes, 256);
  const auto wrong = [&](const at::Tensor& made) { return made.ne(ideal).sum().item<int64_t>(); };
  const at::Tensor repeated = classes.repeat_interleave(4, 0).repeat_interleave(4, 1);
  EXPECT_LT(wrong(enlarged), 0.8 * static_cast<double>(wrong(repeated)));
  EXPECT_LT(wrong(enlarged), 600);
}

}  // namespace
}  // namespace alignflow
