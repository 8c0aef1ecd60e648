// afctl's check and the coordinator's look at the same bytes and must say the same; what they take,
// workers must read as it was meant.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "absl/time/clock.h"
#include "client/dataset_push.h"
#include "common/data/manifest.h"
#include "server/blobs/folder_blobs.h"
#include "server/services/dataset_check.h"
#include "tests/agreement/random_set.h"
#include "tests/common/temp_folder.h"
#include "tests/worker/data/format_kinds.h"
#include "worker/data/image_decode.h"
#include "worker/data/image_folder.h"

namespace alignflow {
namespace {

class AgreementTest : public testing::Test {
 protected:
  // What the coordinator says of a folder that afctl has taken, as in CreateDataset.
  absl::StatusOr<DatasetManifest> Register(const ImageFolder& scanned) {
    std::ostringstream out, err;
    Console console{.out = out, .err = err};
    auto files = DescribeFolder(scanned, console);
    if (!files.ok()) return files.status();
    for (const auto* list : {&files->images, &files->masks}) {
      for (const BlobFile& file : *list) {
        auto put = blobs_->Put(ReadFile(file.file), BlobOwner::Upload("test"), absl::Now());
        if (!put.ok()) return put.status();
      }
    }
    v1::CreateDatasetRequest request;
    *request.mutable_manifest() = MakeManifest(scanned, *files);
    auto checked = CheckDatasetManifest(request, *blobs_, [](int64_t) { return true; });
    if (!checked.ok()) return checked.status();
    return ParseManifest(checked->manifest);
  }

  TempFolder state_;
  std::unique_ptr<BlobStore> blobs_ = FolderBlobs::Open(state_.path() / "blobs").value();
};

void ExpectImage(const RandomPair& pair, const DatasetManifest& manifest) {
  const auto decoded = DecodeImage(pair.image_bytes, pair.name, manifest.sample_bits);
  ASSERT_TRUE(decoded.ok()) << decoded.status() << pair.told;
  ASSERT_EQ(decoded->size(), pair.image.size()) << pair.told;
  cv::Mat expected = pair.image;
  if (expected.depth() == CV_16U) {
    expected.convertTo(expected, CV_8U, 255.0 / ((1 << manifest.sample_bits) - 1));
  }
  const double off = cv::norm(*decoded, expected, cv::NORM_L1) / (3.0 * expected.total());
  EXPECT_LE(off, pair.lossy_image ? 12 : 0) << pair.told;
}

void ExpectMask(const RandomPair& pair, const DatasetManifest& manifest) {
  auto mask = DecodeMask(pair.mask_bytes, pair.name, &manifest.labels);
  ASSERT_TRUE(mask.ok()) << mask.status() << pair.told;
  ASSERT_EQ(mask->size(), pair.classes.size()) << pair.told;
  const std::span<uint8_t> pixels(mask->data, mask->total());
  ASSERT_TRUE(manifest.labels.CheckMask(pixels, pair.name).ok()) << pair.told;
  manifest.labels.ToClasses(pixels);
  EXPECT_LE(cv::countNonZero(*mask != pair.classes),
            pair.lossy_mask ? 0.02 * pair.classes.total() : 0)
      << pair.told;
}

TEST_F(AgreementTest, RandomGoodSetsAreTakenByBothAndReadAsTheyWereMeant) {
  std::mt19937 random(11);
  for (int trial = 0; trial < 60; ++trial) {
    const RandomSet set = MakeRandomSet(random);
    SCOPED_TRACE("trial " + std::to_string(trial) + ": " + set.labels.ToString());
    const TestFolder folder;
    for (const RandomPair& pair : set.pairs) {
      folder.Write("images/" + pair.name + ".png", pair.image_bytes);
      folder.Write("masks/" + pair.name + ".png", pair.mask_bytes);
    }
    const auto scanned = ScanDataset(folder.path(), set.labels);
    ASSERT_TRUE(scanned.ok()) << scanned.status();
    const auto manifest = Register(*scanned);
    ASSERT_TRUE(manifest.ok()) << manifest.status();
    EXPECT_EQ(manifest->labels, set.labels);
    EXPECT_EQ(manifest->sample_bits, set.sample_bits);
    ASSERT_EQ(manifest->items.size(), set.pairs.size());
    for (size_t i = 0; i < set.pairs.size(); ++i) {
      EXPECT_EQ(manifest->items[i].width, set.pairs[i].image.cols) << set.pairs[i].told;
      EXPECT_EQ(manifest->items[i].height, set.pairs[i].image.rows) << set.pairs[i].told;
      ExpectImage(set.pairs[i], *manifest);
      ExpectMask(set.pairs[i], *manifest);
    }
    if (HasFatalFailure()) return;
  }
}

std::string Damaged(std::string bytes, std::mt19937& random) {
  if (bytes.empty()) return bytes;
  switch (random() % 3) {
    case 0:  // cut short
      return bytes.substr(0, random() % bytes.size());
    case 1:  // bits turned over, anywhere
      for (int i = 0; i < 3; ++i) bytes[random() % bytes.size()] ^= 1 << random() % 8;
      return bytes;
    default:  // a header that lies
      for (int i = 0; i < 2; ++i) {
        bytes[random() % std::min<size_t>(bytes.size(), 64)] = static_cast<char>(random());
      }
      return bytes;
  }
}

TEST_F(AgreementTest, RandomDamagedFilesAreRefusedWithReasonAndRemedyOrTakenByBoth) {
  std::mt19937 random(12);
  const std::vector<FormatKind> kinds = AllFormatKinds();
  const std::string image = Encode(".png", KindImage()), mask = Encode(".png", KindMask(255));
  const LabelTable labels = *LabelTable::Parse("polyp=255");
  int taken = 0, refused = 0;
  testing::internal::CaptureStderr();
  for (int trial = 0; trial < 1500; ++trial) {
    const FormatKind& kind = kinds[trial % kinds.size()];
    const bool spoil_mask = random() % 2 == 0;
    const std::string spoilt = Damaged(spoil_mask ? kind.mask() : kind.image(), random);
    SCOPED_TRACE(kind.name + ", trial " + std::to_string(trial));
    const TestFolder folder;
    folder.Write("images/a.png", spoil_mask ? image : spoilt);
    folder.Write("masks/a.png", spoil_mask ? spoilt : mask);
    const auto scanned = ScanDataset(folder.path(), labels);
    if (scanned.ok()) {
      ++taken;
      const auto registered = Register(*scanned);
      EXPECT_TRUE(registered.ok()) << registered.status();
      continue;
    }
    ++refused;
    const std::string message(scanned.status().message());
    EXPECT_EQ(scanned.status().code(), absl::StatusCode::kInvalidArgument) << message;
    EXPECT_NE(message.find("a.png"), std::string::npos) << message;
    EXPECT_NE(message.find("; "), std::string::npos) << "no remedy: " << message;
  }
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "") << "a library has printed";
  EXPECT_GT(taken, 50) << "little was taken, so little was compared";
  EXPECT_GT(refused, 500);
}

TEST_F(AgreementTest, EveryRefusalByTheHeaderIsTheSameOnBothSides) {
  for (const FormatKind& kind : AllFormatKinds()) {
    v1::CreateDatasetRequest request;
    v1::Manifest& manifest = *request.mutable_manifest();
    v1::Label* label = manifest.add_labels();
    label->set_name("polyp");
    label->set_value(255);
    v1::DatasetItem* item = manifest.add_items();
    item->set_stem("a");
    const std::string mask = kind.mask();
    const std::string whole_image = Encode(".png", cv::Mat(kKindHeight, kKindWidth, CV_8UC3));
    SetDigest(DescribeBytes(whole_image), *item->mutable_image());
    SetDigest(DescribeBytes(mask), *item->mutable_mask());
    ASSERT_TRUE(blobs_->Put(whole_image, BlobOwner::Upload("test"), absl::Now()).ok());
    ASSERT_TRUE(blobs_->Put(mask, BlobOwner::Upload("test"), absl::Now()).ok());
    const absl::Status rule = ProbeFile(mask, FileRole::kMask).status();
    if (rule.ok()) continue;
    const auto checked = CheckDatasetManifest(request, *blobs_, [](int64_t) { return true; });
    ASSERT_FALSE(checked.ok()) << kind.name;
    EXPECT_NE(std::string(checked.status().message()).find(std::string(rule.message())),
              std::string::npos)
        << checked.status() << " instead of " << rule;
    const absl::Status client = ReadMask(mask, "a").status();
    EXPECT_NE(std::string(client.message()).find(std::string(rule.message())), std::string::npos);
  }
}

struct RealSet {
  const char* folder;
  const char* labels;
};
class RealSetTest : public AgreementTest, public testing::WithParamInterface<RealSet> {};

TEST_P(RealSetTest, IsTakenByBoth) {
  const std::filesystem::path root =
      std::filesystem::path(ALIGNFLOW_TEST_DATA) / "../../../shared/realdata";
  const std::filesystem::path dir = root / GetParam().folder;
  if (!std::filesystem::exists(dir)) {
    GTEST_SKIP() << "the real images are not beside the project, in ../shared/realdata";
  }
  const auto scanned = ScanDataset(dir, *LabelTable::Parse(GetParam().labels));
  ASSERT_TRUE(scanned.ok()) << scanned.status();
  const auto registered = Register(*scanned);
  ASSERT_TRUE(registered.ok()) << registered.status();
  EXPECT_EQ(registered->items.size(), scanned->items.size());
}

INSTANTIATE_TEST_SUITE_P(
    All, RealSetTest,
    testing::Values(RealSet{"polyps/kvasir", "polyp=255"}, RealSet{"polyps/clinicdb", "polyp=255"},
                    RealSet{"polyps/polypgen-c1", "polyp=255"},
                    RealSet{"polyps/polypgen-c3", "polyp=255"},
                    RealSet{"polyps/polypgen-c5", "polyp=255"},
                    RealSet{"fundus/refuge-zeiss", "background=0,disc=128,cup=255"},
                    RealSet{"fundus/drishti", "background=0,disc=128,cup=255"}),
    [](const auto& info) {
      std::string name = info.param.folder;
      std::ranges::replace_if(
          name, [](char c) { return !isalnum(c); }, '_');
      return name;
    });

}  // namespace
}  // namespace alignflow
