// Pairs that are handed out larger than the task works at.

#include "worker/pairs/pair_detail.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <opencv2/core.hpp>

#include "tests/worker/framing/drawn_pictures.h"
#include "tests/worker/tasks/volume_fixture.h"
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
  return EnlargedImage(at::adaptive_avg_pool2d(image, {64, 64}), {image.size(2), image.size(3)});
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

// A picture that does not fill its square: what was changed in it reaches its edge, and no farther.
TEST_F(PairDetailTest, AChangeEndsWhereThePictureDoes) {
  DatasetManifest manifest = *ParseManifest(blobs_->Read(source_));
  for (size_t i = 0; i < manifest.items.size(); ++i) {
    DatasetItem& item = manifest.items[i];
    const cv::Rect part(0, 0, 256, i == 0 ? 192 : i == 1 ? 11 : 100);
    item.image =
        blobs_->Put(*EncodePng((*DecodeImage(blobs_->Read(item.image), ""))(part).clone()));
    item.mask = blobs_->Put(*EncodePng((*DecodeMask(blobs_->Read(item.mask), ""))(part).clone()));
    item.height = part.height;
  }
  const ImageSet set =
      MapPrepared(blobs_->PathOf(Prepared(blobs_->Put(*WriteManifest(manifest)), 64)));
  const auto context = NewContext();
  PairDetail detail(*context, Spec("generate", {}, {{"pairs.size", "256"}}), set);
  detail.Read({0, 1, 2, 3});
  for (int64_t item = 0; item < 4; ++item) {
    const at::Tensor large = ImagesFromBytes(detail.Of(item).image.unsqueeze(0)) * 0.5;
    const at::Tensor small = at::zeros({1, 3, 64, 64});
    const at::Tensor change = detail.WithChange(item, large, small, small + 0.25) - large;
    const int64_t top = (256 - manifest.items[item].height) / 2;
    for (int64_t row = 0; row < 256; ++row) {
      const bool within = row >= top && row < top + manifest.items[item].height;
      const at::Tensor line = change[0].select(1, row);
      EXPECT_TRUE(at::allclose(line, at::full_like(line, within ? 0.25 : 0), 0, 1e-5))
          << item << ", row " << row;
    }
    const at::Tensor made = at::full({3, 64, 64}, 200, at::kByte);
    EXPECT_EQ(detail.EnlargedImageOf(item, made).eq(200).sum().item<int64_t>(),
              3 * 256 * manifest.items[item].height);
  }
}

TEST_F(PairDetailTest, ASourceFileThatIsDamagedSinceIsNamedAndNothingIsMadeOfIt) {
  const DatasetManifest manifest = *ParseManifest(blobs_->Read(source_));
  Generated("restyled:1", 1, 1);  // prepares the source and fits the model
  const std::string whole = blobs_->Read(manifest.items[2].image);
  std::ofstream(blobs_->PathOf(manifest.items[2].image), std::ios::binary)
      << whole.substr(0, whole.size() / 2);
  const auto status = [&](const char* mix) {
    const auto context = NewContext();
    return RunTask(Spec("generate", {{"source", source_}, {"model", model_}},
                        {{"pairs.size", "256"},
                         {"generate.mix", mix},
                         {"generate.steps", "1"},
                         {"first_pair", "1"},
                         {"last_pair", "4"}}),
                   *context)
        .status();
  };
  EXPECT_TRUE(absl::IsInvalidArgument(status("restyled:1"))) << status("restyled:1");
  EXPECT_THAT(std::string(status("restyled:1").message()), testing::HasSubstr("fine-2"));
  EXPECT_TRUE(status("generated:1").ok()) << "images from noise need no picture";
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

class VolumeDetailTest : public VolumeFixture {
 protected:
  static constexpr int kLargeVolume = 48;

  VolumeDetailTest() : source_(PutVolumes(PhantomDomain::kSource, 4, true)) {}

  // Pairs by their masks' names, each as a cube of that side.
  struct Made {
    ImageSet cubes;
    std::vector<std::string> origins, records;
  };
  Made PairsOf(TaskSpec spec, int side) {
    const auto context = NewContext();
    TaskSpec reader = Spec3d("figures", {{"source", Packed(source_)}});
    reader.inputs = {{"made/000000", Run(spec)["pairs"]}};
    Made made;
    const LabelTable labels = VolumePhantomLabels();
    made.cubes = LoadSomePairs(*context, reader, "made", labels, {1, 2, 3, 4}, side);
    for (const PairLine& line : ParsePairLines(blobs_->Read(reader.inputs["made/000000"]))) {
      made.origins.push_back(line.origin);
      made.records.push_back(line.record);
    }
    return made;
  }
  ImageSet Whole(int side) {
    TaskSpec spec = PrepareSpec(source_);
    spec.settings["size"] = std::to_string(side);
    return MapPrepared(blobs_->PathOf(Run(spec)["packed"]));
  }

  std::string source_;
};

TEST_F(VolumeDetailTest, RecolouredVolumesKeepEveryVoxelAndMask) {
  const std::string references = PutVolumes(PhantomDomain::kTargetA, 2, false, 9);
  const Made made =
      PairsOf(Pairs(Spec3d("transfer", {{"source", Packed(source_)}, {"references", references}},
                           {{"method", "reinhard"}, {"pairs.size", "48"}}),
                    1, 4),
              kLargeVolume);
  const ImageSet own = Whole(kLargeVolume);
  ASSERT_EQ(made.cubes.size(), 4);
  for (int64_t pair = 0; pair < 4; ++pair) {
    const auto row = std::ranges::find(own.names, made.origins[pair]) - own.names.begin();
    EXPECT_TRUE(at::equal(made.cubes.classes[pair], own.classes[row]));
    // A transfer of moments is one line from grey to grey: what is equal stays equal.
    const at::Tensor grey = own.images[row].flatten().to(at::kFloat);
    const at::Tensor body = grey.gt(40).logical_and(grey.lt(215));
    const at::Tensor pairs =
        at::stack({grey.masked_select(body),
                   made.cubes.images[pair].flatten().to(at::kFloat).masked_select(body)});
    EXPECT_GT(at::corrcoef(pairs)[0][1].item<double>(), 0.98);
  }
}

TEST_F(VolumeDetailTest, ARestyledVolumeIsItsOwnWithWhatTheModelChanged) {
  const std::string source = Packed(source_);
  const std::string model = Run(Spec3d("fit", {{"source", source}}))["model"];
  const auto made = [&](const char* mix, const char* size) {
    return PairsOf(Pairs(Spec3d("generate", {{"source", source}, {"model", model}},
                                {{"generate.mix", mix}, {"pairs.size", size}}),
                         1, 4),
                   kLargeVolume);
  };
  const Made large = made("restyled:1", "48"), small = made("restyled:1", "0");
  const ImageSet own = Whole(kLargeVolume);
  double by_large = 0, by_small = 0;
  for (int64_t pair = 0; pair < 4; ++pair) {
    EXPECT_EQ(nlohmann::json::parse(large.records[pair]).at("made_at"), 32);
    EXPECT_FALSE(nlohmann::json::parse(small.records[pair]).contains("made_at"));
    const auto row = std::ranges::find(own.names, large.origins[pair]) - own.names.begin();
    EXPECT_TRUE(at::equal(large.cubes.classes[pair], own.classes[row]));
    const at::Tensor real = own.images[row].to(at::kFloat);
    by_large += Mean(large.cubes.images[pair].to(at::kFloat) - real);
    by_small += Mean(small.cubes.images[pair].to(at::kFloat) - real);
  }
  EXPECT_LT(by_large, 0.9 * by_small) << "what 32 voxels do not show is there again";
  EXPECT_GT(by_large, 0.4) << "the model changed nothing";

  const Made noise = made("generated:1", "48");
  EXPECT_EQ(noise.cubes.images.sizes(), (at::IntArrayRef{4, 1, 48, 48, 48}));
}

TEST_F(VolumeDetailTest, APairIsTheSameWhicheverShardMakesIt) {
  const std::string source = Packed(source_);
  const std::string model = Run(Spec3d("fit", {{"source", source}}))["model"];
  const auto lines = [&](int64_t first, int64_t last) {
    return LinesOf(Run(Pairs(
        Spec3d("generate", {{"source", source}, {"model", model}},
               {{"generate.mix", "restyled:1"}, {"generate.steps", "1"}, {"pairs.size", "40"}}),
        first, last))["pairs"]);
  };
  ExpectSameWhicheverShard(lines);
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
  const at::Tensor enlarged = EnlargedClasses(classes, {256, 256});
  const auto wrong = [&](const at::Tensor& made) { return made.ne(ideal).sum().item<int64_t>(); };
  const at::Tensor repeated = classes.repeat_interleave(4, 0).repeat_interleave(4, 1);
  EXPECT_LT(wrong(enlarged), 0.8 * static_cast<double>(wrong(repeated)));
  EXPECT_LT(wrong(enlarged), 600);
}

}  // namespace
}  // namespace alignflow
