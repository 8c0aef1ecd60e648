#include "worker/data/phantom.h"

#include <opencv2/core/utility.hpp>
#include <opencv2/imgproc.hpp>

#include "tests/worker/data/test_images.h"
#include "worker/data/image_folder.h"
#include "worker/data/mask_contrast.h"

namespace alignflow {
namespace {

namespace fs = std::filesystem;

constexpr PhantomDomain kDomains[] = {PhantomDomain::kSource, PhantomDomain::kTargetA,
                                      PhantomDomain::kTargetB};

double Difference(const cv::Mat& a, const cv::Mat& b) {
  return cv::norm(a, b, cv::NORM_L1) / (a.total() * a.channels());
}

class PhantomTest : public testing::TestWithParam<PhantomKind> {
 protected:
  PhantomOptions Options(PhantomDomain domain, uint64_t seed = 3) const {
    return {GetParam(), domain, 4, seed, 64};
  }
  // The structure that is to be seen.
  int Label() const { return GetParam() == PhantomKind::kFundus ? 128 : 255; }
};

INSTANTIATE_TEST_SUITE_P(Kinds, PhantomTest,
                         testing::Values(PhantomKind::kFundus, PhantomKind::kPolyp),
                         [](const auto& kind) {
                           return kind.param == PhantomKind::kFundus ? "Fundus" : "Polyp";
                         });

TEST_P(PhantomTest, SameSeedAndIndexGiveTheSameBytes) {
  for (const PhantomDomain domain : kDomains) {
    const Phantom a = MakePhantom(Options(domain), 2), b = MakePhantom(Options(domain), 2);
    EXPECT_EQ(Difference(a.image, b.image), 0);
    EXPECT_EQ(Difference(a.mask, b.mask), 0);
  }
}

TEST_P(PhantomTest, FoldersAreTheSameOnAnyNumberOfThreads) {
  TestFolder one, two;
  const int threads = cv::getNumThreads();
  cv::setNumThreads(1);
  ASSERT_TRUE(WritePhantoms(Options(PhantomDomain::kTargetA), one.path()).ok());
  cv::setNumThreads(2);
  ASSERT_TRUE(WritePhantoms(Options(PhantomDomain::kTargetA), two.path()).ok());
  cv::setNumThreads(threads);
  for (const char* name : {"000001.png", "000002.png", "000003.png", "000004.png"}) {
    for (const char* folder : {"images", "masks"}) {
      const std::string bytes = ReadAll(one.path() / folder / name);
      EXPECT_FALSE(bytes.empty());
      EXPECT_EQ(bytes, ReadAll(two.path() / folder / name)) << folder << name;
    }
  }
}

TEST_P(PhantomTest, AnatomyIsTheSameInEveryDomainAndTheLookIsNot) {
  const Phantom source = MakePhantom(Options(PhantomDomain::kSource), 1);
  for (const PhantomDomain domain : {PhantomDomain::kTargetA, PhantomDomain::kTargetB}) {
    const Phantom target = MakePhantom(Options(domain), 1);
    EXPECT_EQ(Difference(source.mask, target.mask), 0);
    EXPECT_GT(Difference(source.image, target.image), 8);
  }
}

TEST_P(PhantomTest, SeedsAndIndicesGiveDifferentAnatomies) {
  const Phantom first = MakePhantom(Options(PhantomDomain::kSource), 0);
  EXPECT_GT(Difference(first.image, MakePhantom(Options(PhantomDomain::kSource), 1).image), 3);
  EXPECT_GT(Difference(first.image, MakePhantom(Options(PhantomDomain::kSource, 4), 0).image), 3);
}

TEST_P(PhantomTest, MasksHoldTheLabelsAndNothingElse) {
  const LabelTable labels = PhantomLabels(GetParam());
  for (int index = 0; index < 8; ++index) {
    const Phantom phantom = MakePhantom(Options(PhantomDomain::kSource), index);
    ASSERT_EQ(phantom.image.size(), cv::Size(64, 64));
    ASSERT_EQ(phantom.image.type(), CV_8UC3);
    EXPECT_TRUE(labels.CheckMask({phantom.mask.data, phantom.mask.total()}, "mask").ok());
    for (const auto& label : labels.labels())
      EXPECT_GT(cv::countNonZero(phantom.mask == label.value), 4) << label.name;
  }
}

TEST_P(PhantomTest, StructureIsSeenWhereTheMaskSaysAndNotWhereAnothersSays) {
  for (const PhantomDomain domain : kDomains) {
    double own = 0, others = 0;
    constexpr int kCount = 8;
    for (int index = 0; index < kCount; ++index) {
      const Phantom phantom = MakePhantom(Options(domain), index);
      own += MaskContrast(phantom.image, phantom.mask, Label()) / kCount;
      others += MaskContrast(phantom.image, MakePhantom(Options(domain), index + 1).mask, Label()) /
                kCount;
    }
    EXPECT_GT(own, 1.8);
    EXPECT_LT(others, 0.6 * own);
  }
}

TEST_P(PhantomTest, WrittenFolderIsAValidDataset) {
  TestFolder folder;
  ASSERT_TRUE(WritePhantoms(Options(PhantomDomain::kTargetB), folder.path() / "deep/er").ok());
  const auto scanned = ScanDataset(folder.path() / "deep/er", PhantomLabels(GetParam()));
  ASSERT_TRUE(scanned.ok()) << scanned.status();
  EXPECT_EQ(scanned->items.size(), 4u);
  EXPECT_EQ(scanned->items[0].name, "000001");
}

TEST(WritePhantomsTest, TwoSetsAreNeverMixed) {
  TestFolder folder;
  folder.Write("masks/kept.png", "x");
  const absl::Status status =
      WritePhantoms({PhantomKind::kFundus, PhantomDomain::kSource, 1, 0, 16}, folder.path());
  EXPECT_EQ(status.code(), absl::StatusCode::kAlreadyExists) << status;
  EXPECT_EQ(ReadAll(folder.path() / "masks/kept.png"), "x");
}

TEST(WritePhantomsTest, FolderThatCannotBeMadeIsNamed) {
  TestFolder folder;
  folder.Write("file", "x");
  const absl::Status status = WritePhantoms(
      {PhantomKind::kFundus, PhantomDomain::kSource, 1, 0, 16}, folder.path() / "file");
  EXPECT_FALSE(status.ok());
  EXPECT_THAT(std::string(status.message()), testing::HasSubstr("file/images"));
}

TEST(PhantomOptionsTest, NamesAndRangesAreChecked) {
  EXPECT_EQ(*ParsePhantomKind("fundus"), PhantomKind::kFundus);
  EXPECT_EQ(*ParsePhantomDomain("target-b"), PhantomDomain::kTargetB);
  ExpectRefused(ParsePhantomKind("eye").status(), {"'eye'", "fundus, polyp or volume"});
  ExpectRefused(ParsePhantomDomain("target").status(), {"'target'", "target-a"});
  PhantomOptions options;
  EXPECT_TRUE(CheckPhantomOptions(options).ok());
  options.size = 15;
  ExpectRefused(CheckPhantomOptions(options), {"size is 15", "16 and 1024"});
  options.size = 64;
  options.count = 0;
  ExpectRefused(CheckPhantomOptions(options), {"count is 0"});
}

}  // namespace
}  // namespace alignflow
