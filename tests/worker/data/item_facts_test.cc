#include "worker/data/item_facts.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>
#include <string>
#include <vector>

#include "worker/data/letterbox.h"
#include "worker/data/phantom.h"

namespace alignflow {
namespace {

namespace fs = std::filesystem;

// Real images lie beside the project, never in it.
const fs::path kReal = fs::path(ALIGNFLOW_TEST_DATA) / "../../../shared/realdata";

cv::Mat PhantomImage(int index) {
  return MakePhantom({.kind = PhantomKind::kPolyp,
                      .domain = PhantomDomain::kSource,
                      .count = 4,
                      .seed = 3,
                      .size = 128},
                     index)
      .image;
}

// The picture stored anew, resized, brightened, tinted.
std::vector<cv::Mat> Copies(const cv::Mat& image) {
  std::vector<cv::Mat> copies(5);
  std::vector<uint8_t> bytes;
  cv::imencode(".jpg", image, bytes, {cv::IMWRITE_JPEG_QUALITY, 40});
  copies[0] = cv::imdecode(bytes, cv::IMREAD_COLOR);
  cv::resize(image, copies[1], {}, 0.5, 0.5, cv::INTER_AREA);
  cv::resize(image, copies[2], {}, 1.5, 1.5, cv::INTER_CUBIC);
  image.convertTo(copies[3], -1, 0.9, 10);
  cv::multiply(image, cv::Scalar(0.92, 1, 1.08), copies[4]);
  return copies;
}

TEST(ItemFactsTest, APictureStoredAnewHasNearlyTheSameFingerprintAndAnotherHasNot) {
  const Fingerprint first = *FingerprintOf(PhantomImage(0));
  for (const cv::Mat& copy : Copies(PhantomImage(0))) {
    EXPECT_LE(DifferentBits(first, *FingerprintOf(copy)), kNearDuplicateBits);
  }
  for (int other = 1; other < 4; ++other) {
    EXPECT_GT(DifferentBits(first, *FingerprintOf(PhantomImage(other))), kNearDuplicateBits);
  }
}

TEST(ItemFactsTest, ABlackFrameHasNoFingerprint) {
  EXPECT_FALSE(FingerprintOf(cv::Mat::zeros(48, 64, CV_8UC3)).has_value());
  EXPECT_FALSE(FingerprintOf(cv::Mat(48, 64, CV_8UC3, cv::Scalar(7, 7, 7))).has_value());
}

std::vector<SetMember> MembersOf(const fs::path& folder) {
  std::vector<SetMember> members;
  for (const auto& file : fs::directory_iterator(folder)) {
    const cv::Mat image = cv::imread(file.path().string(), cv::IMREAD_COLOR);
    members.push_back({file.path().stem().string(), "", FingerprintOf(image)});
  }
  return members;
}

TEST(ItemFactsTest, NoTwoHospitalsShareAPictureAndEveryRealCopyIsFound) {
  if (!fs::exists(kReal)) GTEST_SKIP() << "there are no real images beside the project";
  const char* const kFolders[] = {"polyps/kvasir",      "polyps/clinicdb",    "polyps/polypgen-c1",
                                  "polyps/polypgen-c3", "polyps/polypgen-c5", "fundus/refuge-zeiss",
                                  "fundus/drishti"};
  std::vector<std::vector<SetMember>> sets;
  for (const char* folder : kFolders) sets.push_back(MembersOf(kReal / folder / "images"));
  for (size_t a = 0; a < sets.size(); ++a) {
    for (size_t b = a + 1; b < sets.size(); ++b) {
      EXPECT_TRUE(FindSame(sets[a], sets[b]).empty()) << kFolders[a] << " and " << kFolders[b];
    }
  }
  int count = 0;
  for (const auto& file : fs::directory_iterator(kReal / "polyps/kvasir/images")) {
    if (++count % 20 != 0) continue;
    const cv::Mat image = cv::imread(file.path().string(), cv::IMREAD_COLOR);
    for (const cv::Mat& copy : Copies(image)) {
      EXPECT_LE(DifferentBits(*FingerprintOf(image), *FingerprintOf(copy)), kNearDuplicateBits)
          << file.path();
    }
  }
}

// Lesions of 3 pixels in a picture of 640.
cv::Mat TinyLesions(int count) {
  cv::Mat mask = cv::Mat::zeros(640, 640, CV_8U);
  for (int i = 0; i < count; ++i) {
    mask(cv::Rect(20 + 37 * (i % 16), 20 + 41 * (i / 16), 3, 1)).setTo(255);
  }
  return mask;
}

TEST(ItemFactsTest, WhatVanishesIsWhatTheLetterboxLosesAndNothingElse) {
  const cv::Mat mask = TinyLesions(40);
  const int sizes[] = {64, 128, 512, 640};
  const ClassStructures shown = StructuresOfValue(mask, 255, sizes);
  EXPECT_EQ(shown.structures, 40);
  EXPECT_EQ(shown.pixels, 120);
  EXPECT_EQ(shown.kept.at(640), (KeptStructures{40, 120}));
  EXPECT_LT(shown.kept.at(64).structures, 10);
  EXPECT_LE(shown.kept.at(64).structures, shown.kept.at(128).structures);
  for (const int size : sizes) {
    const cv::Mat boxed = LetterboxMask(mask, PlanLetterbox(640, 640, size), 0);
    cv::Mat numbers;
    const int left = cv::connectedComponents(boxed, numbers, 8) - 1;
    EXPECT_EQ(shown.kept.at(size).structures, left) << size;
  }
}

TEST(ItemFactsTest, StructuresThatTouchAtACornerAreOneAndClassesAreCountedApart) {
  cv::Mat mask = cv::Mat::zeros(32, 32, CV_8U);
  mask(cv::Rect(4, 4, 4, 4)).setTo(255);
  mask(cv::Rect(8, 8, 4, 4)).setTo(255);
  mask(cv::Rect(20, 20, 6, 6)).setTo(128);
  const LabelTable labels = *LabelTable::Parse("cup=255,disc=128,drusen=64");
  const MaskFacts facts = FactsOfMask(mask, labels, 64);
  EXPECT_EQ(facts.with_structures, 1);
  EXPECT_EQ(facts.classes.at("cup").structures, 1);
  EXPECT_EQ(facts.classes.at("disc").structures, 1);
  EXPECT_FALSE(facts.classes.contains("drusen"));
  EXPECT_EQ(FactsOf(StructuresByValue(mask, std::vector<int>{64, 128, 512}), labels), facts)
      << "the client, which may not know the table yet, counts as the worker does";
}

TEST(ItemFactsTest, AMaskOfBackgroundShowsNothing) {
  const MaskFacts facts =
      FactsOfMask(cv::Mat::zeros(32, 32, CV_8U), *LabelTable::Parse("polyp=255"), 64);
  EXPECT_EQ(facts.images, 1);
  EXPECT_EQ(facts.with_structures, 0);
}

}  // namespace
}  // namespace alignflow
