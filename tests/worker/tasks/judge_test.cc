// The judge and the gates: each test plants a fault that a generator may have.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <opencv2/core.hpp>
#include <string>
#include <vector>

#include "common/data/groups.h"
#include "common/data/manifest.h"
#include "tests/worker/tasks/task_fixture.h"
#include "worker/models/efficientnet/efficientnet.h"
#include "worker/models/safetensors.h"
#include "worker/models/unet/merged_model.h"
#include "worker/pairs/pair_gates.h"
#include "worker/sets/prepared_set.h"
#include "worker/stores/segmenter_file.h"

namespace alignflow {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr int kSource = 32;
constexpr int kUnseen = 12;

class JudgeTest : public TaskFixture {
 protected:
  JudgeTest() : source_(PutPhantoms(PhantomDomain::kSource, kSource, true)) {
    context_ = NewContext();
  }

  TaskSpec Judging(int iterations) {
    return Spec("judge", {{"source", source_}}, {{"judge.iterations", std::to_string(iterations)}});
  }

  ImageSet Load(const std::string& manifest) {
    return MapPrepared(blobs_->PathOf(Prepared(manifest)));
  }
  // Phantoms that the source does not hold: its anatomies are the first kSource.
  ImageSet Unseen(PhantomDomain domain) {
    ImageSet all = Load(PutPhantoms(domain, kSource + kUnseen, true));
    all.images = all.images.narrow(0, kSource, kUnseen);
    all.classes = all.classes.narrow(0, kSource, kUnseen);
    all.names.erase(all.names.begin(), all.names.begin() + kSource);
    return all;
  }
  // With an untrained judge where mask agreement plays no part.
  PairGates Gates(const SettingMap& settings, const ImageSet& references = {}, int iterations = 1) {
    const std::string judge = Run(Judging(iterations))["segmenter"];
    const std::string statistics = Statistics(Prepared(source_));
    return {*context_,
            Spec("generate", {{"judge/000000", judge}, {"statistics", statistics}}, settings),
            Load(source_), references};
  }
  static double MeanAgreement(const std::vector<GateVerdict>& verdicts) {
    double sum = 0;
    for (const GateVerdict& verdict : verdicts) sum += verdict.mask_agreement;
    return sum / static_cast<double>(verdicts.size());
  }

  std::string source_;
  std::unique_ptr<FakeContext> context_;
};

// A generator that ignores the mask is found out, whatever the style of its images.
TEST_F(JudgeTest, TheMaskOfAnUnseenImageIsSeenAndAnotherImagesMaskIsNot) {
  const PairGates gates = Gates({{"gates.mask_agreement", "0.3"}}, {}, /*iterations=*/120);
  for (const PhantomDomain domain : {PhantomDomain::kSource, PhantomDomain::kTargetA}) {
    const ImageSet unseen = Unseen(domain);
    const double own =
        MeanAgreement(gates.Judge(unseen.images, unseen.classes, PairKind::kRestyled));
    const auto ignored = gates.Judge(unseen.images, unseen.classes.roll(5, 0), PairKind::kRestyled);
    EXPECT_GT(own, domain == PhantomDomain::kSource ? 0.6 : 0.4);
    EXPECT_LT(MeanAgreement(ignored), own / 2);
    int failed = 0;
    for (const GateVerdict& verdict : ignored) {
      EXPECT_EQ(verdict.passed, verdict.mask_agreement >= 0.3);
      if (verdict.passed) continue;
      ++failed;
      EXPECT_THAT(verdict.reason, HasSubstr("mask agreement 0."));
    }
    EXPECT_GE(failed, kUnseen / 2);
  }
}

TEST_F(JudgeTest, AGeneratedCopyOfATrainingImageFails) {
  const ImageSet source = Load(source_);
  const PairGates gates = Gates({{"gates.mask_agreement", "0"}});
  const auto copies = gates.Judge(source.images.narrow(0, 3, 4), source.classes.narrow(0, 3, 4),
                                  PairKind::kGenerated);
  for (int64_t i = 0; i < 4; ++i) {
    EXPECT_TRUE(copies[i].near_copy);
    EXPECT_FALSE(copies[i].passed);
    EXPECT_EQ(copies[i].nearest, source.names[3 + i]);
    EXPECT_EQ(copies[i].nearest_in, "source");
    EXPECT_THAT(copies[i].reason, HasSubstr("near copy of the source's " + source.names[3 + i]));
  }
  const ImageSet unseen = Unseen(PhantomDomain::kSource);
  int passed = 0;
  for (const GateVerdict& verdict :
       gates.Judge(unseen.images, unseen.classes, PairKind::kGenerated)) {
    passed += verdict.passed;
  }
  EXPECT_GE(passed, kUnseen - 1) << "new images of the same kind are no copies";
}

TEST_F(JudgeTest, ARecolouredCopyIsSeenAsOne) {
  const ImageSet source = Load(source_);
  const at::Tensor gain = at::tensor({0.6, 1.0, 1.3}).view({1, 3, 1, 1});
  const at::Tensor colours = ImagesFromBytes(source.images.narrow(0, 4, 8)) * gain - 0.1;
  const auto verdicts = Gates({}).Judge(BytesFromImages(colours), source.classes.narrow(0, 4, 8),
                                        PairKind::kRecoloured);
  for (int64_t i = 0; i < 8; ++i) {
    EXPECT_TRUE(verdicts[i].near_copy) << verdicts[i].memorization;
    EXPECT_EQ(verdicts[i].nearest, source.names[4 + i]);
  }
}

// The same anatomy as another scanner shows it, with its own light, blur and noise: farther away
// than a recoloured copy, but not as far as a new image.
TEST_F(JudgeTest, TheOriginalIsFoundBehindAnotherScannersImage) {
  const ImageSet rescanned = Load(PutPhantoms(PhantomDomain::kTargetB, 8, true));
  const auto verdicts = Gates({}).Judge(rescanned.images, rescanned.classes, PairKind::kRestyled);
  for (int64_t i = 0; i < 8; ++i) {
    EXPECT_EQ(verdicts[i].nearest, rescanned.names[i]);
    EXPECT_LT(verdicts[i].memorization, 0.7);
  }
}

TEST_F(JudgeTest, ARestyledOrRecolouredSourceImageIsDeclaredAndPasses) {
  const ImageSet source = Load(source_);
  const PairGates gates = Gates({{"gates.mask_agreement", "0"}});
  for (const PairKind kind : {PairKind::kRestyled, PairKind::kRecoloured}) {
    const GateVerdict verdict =
        gates.Judge(source.images.narrow(0, 0, 1), source.classes.narrow(0, 0, 1), kind).front();
    EXPECT_TRUE(verdict.near_copy);
    EXPECT_TRUE(verdict.passed);
    EXPECT_TRUE(verdict.reason.empty());
  }
}

TEST_F(JudgeTest, ACopyOfAReferenceFailsWhateverItsKind) {
  const ImageSet references = Unseen(PhantomDomain::kTargetA);
  const PairGates gates = Gates({{"gates.mask_agreement", "0"}}, references);
  for (const PairKind kind : {PairKind::kGenerated, PairKind::kRestyled, PairKind::kRecoloured}) {
    const GateVerdict verdict =
        gates.Judge(references.images.narrow(0, 2, 1), references.classes.narrow(0, 2, 1), kind)
            .front();
    EXPECT_TRUE(verdict.near_copy);
    EXPECT_FALSE(verdict.passed);
    EXPECT_EQ(verdict.nearest_in, "references");
    EXPECT_EQ(verdict.nearest, references.names[2]);
  }
}

TEST_F(JudgeTest, ZeroSwitchesMemorizationOff) {
  const ImageSet source = Load(source_);
  const GateVerdict verdict = Gates({{"gates.memorization", "0"}, {"gates.mask_agreement", "0"}})
                                  .Judge(source.images.narrow(0, 0, 1),
                                         source.classes.narrow(0, 0, 1), PairKind::kGenerated)
                                  .front();
  EXPECT_TRUE(verdict.passed);
  EXPECT_TRUE(verdict.nearest.empty());
}

TEST_F(JudgeTest, AJudgeOfOtherClassesIsRefused) {
  try {
    LoadSegmenter(*context_, Run(Judging(1))["segmenter"], "the judge", "unet",
                  PhantomLabels(PhantomKind::kFundus), 64);
    FAIL() << "a judge of polyps judges no fundus";
  } catch (const std::runtime_error& error) {
    EXPECT_THAT(error.what(), HasSubstr("cup=0"));
  }
}

// Another worker's result would be another under the same key.
TEST_F(JudgeTest, AWorkerWithoutWeightsOfItsEncoderIsUnfitForIt) {
  TaskSpec spec = Judging(1);
  spec.settings["judge.segmenter"] = "unet-lite0";
  const auto without = NewContext();
  const absl::Status status = RunTask(spec, *without).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr("unet-lite0"), HasSubstr("efficientnet-lite0.safetensors"),
                    HasSubstr("scripts/setup.sh"), HasSubstr("choose unet")));
}

TEST_F(JudgeTest, WeightsOfItsEncoderAreFoundAmongWhatComesWithTheProgram) {
  TaskSpec spec = Judging(1);
  spec.settings["judge.segmenter"] = "unet-lite0";
  const auto with = NewContext();
  with->bundled_models = folder_;
  WriteSafetensors(folder_ / "efficientnet-lite0.safetensors",
                   StateOf(EfficientNet(EfficientNetLite("lite0"))), {});
  const auto outputs = RunTask(spec, *with);
  ASSERT_TRUE(outputs.ok()) << outputs.status();
  EXPECT_TRUE(LoadSegmenter(*with, outputs->at("segmenter"), "the judge", "unet-lite0",
                            PhantomLabels(PhantomKind::kPolyp), 64)
                  .pretrained);
}

TEST_F(JudgeTest, ResumedAfterACancelItGivesTheSameBytes) {
  const TaskSpec spec = Judging(4);
  const std::string whole = Run(spec)["segmenter"];
  const auto stopped = NewContext();
  stopped->cancel_at = 2;
  EXPECT_EQ(RunTask(spec, *stopped).status().code(), absl::StatusCode::kCancelled);
  ASSERT_TRUE(stopped->checkpoint);
  const auto resumed = NewContext();
  resumed->checkpoint = stopped->checkpoint;
  const auto outputs = RunTask(spec, *resumed);
  ASSERT_TRUE(outputs.ok()) << outputs.status();
  EXPECT_EQ(outputs->at("segmenter"), whole);
  EXPECT_EQ(resumed->reports.front().step, 3);
}

// Cross-fitting: what is in its fold does not reach a judge, and everything else does.
TEST_F(JudgeTest, AJudgeDoesNotSeeItsFold) {
  const std::string others = PutPhantoms(PhantomDomain::kSource, kSource, true, 64, /*seed=*/2);
  DatasetManifest manifest = *ParseManifest(blobs_->Read(source_));
  const DatasetManifest replaced = *ParseManifest(blobs_->Read(others));
  const std::vector<int> folds = FoldsOf(std::vector<std::string>(kSource), 2);
  for (int i = 0; i < kSource; ++i) {
    if (folds[i] != 1) continue;
    manifest.items[i].image = replaced.items[i].image;
    manifest.items[i].mask = replaced.items[i].mask;
  }
  const std::string changed = blobs_->Put(*WriteManifest(manifest));
  const auto judge = [&](const std::string& source, const char* fold) {
    TaskSpec spec =
        Spec("judge", {{"source", source}}, {{"judge.iterations", "3"}, {"judge.folds", "2"}});
    spec.settings["fold"] = fold;
    return Run(spec)["segmenter"];
  };
  EXPECT_EQ(judge(source_, "1"), judge(changed, "1"));
  EXPECT_NE(judge(source_, "0"), judge(changed, "0"));
  EXPECT_NE(judge(source_, "0"), judge(source_, "1"));
}

TEST_F(JudgeTest, APairIsJudgedByTheJudgeThatHasNotSeenItsSourceImage) {
  const std::string first = Run(Judging(40))["segmenter"], second = Run(Judging(1))["segmenter"];
  const ImageSet source = Load(source_);
  const auto agreement = [&](std::map<std::string, std::string> judges, bool apart, int64_t item) {
    judges.insert({"statistics", Statistics(Prepared(source_))});
    if (apart) judges.insert({"training", Prepared(source_)});
    const PairGates gates(*context_, Spec("generate", judges), source, {});
    return gates
        .Judge(source.images.narrow(0, item, 1), source.classes.narrow(0, item, 1),
               PairKind::kRestyled, {item})
        .front()
        .mask_agreement;
  };
  const std::vector<int> folds = FoldsOf(source.groups, 2);
  for (int64_t item = 0; item < 4; ++item) {
    const double by_first = agreement({{"judge/000000", first}}, false, item);
    EXPECT_EQ(agreement({{"judge", first}}, false, item), by_first) << "a task of before";
    const double by_second = agreement({{"judge/000000", second}}, false, item);
    EXPECT_NE(by_first, by_second);
    EXPECT_EQ(agreement({{"judge/000000", first}, {"judge/000001", second}}, false, item),
              folds[item] == 0 ? by_first : by_second);
    EXPECT_EQ(agreement({{"judge/000000", first}, {"judge/000001", second}}, true, item), by_first)
        << "masks of another dataset: no judge has seen any";
  }
}

TEST_F(JudgeTest, AFoldWithoutWhichNoStructureIsLeftIsLearnedFromAsWell) {
  DatasetManifest manifest =
      *ParseManifest(blobs_->Read(PutPhantoms(PhantomDomain::kSource, 2, true)));
  manifest.items[1].mask = blobs_->Put(*EncodePng(cv::Mat::zeros(64, 64, CV_8U)));
  const std::string one = blobs_->Put(*WriteManifest(manifest));
  const auto judge = [&](const char* fold) {
    TaskSpec spec =
        Spec("judge", {{"source", one}}, {{"judge.iterations", "2"}, {"judge.folds", "2"}});
    spec.settings["fold"] = fold;
    return Run(spec)["segmenter"];
  };
  EXPECT_FALSE(judge("0").empty());
  EXPECT_NE(judge("0"), judge("1")) << "of all images, and of the one with a structure";
}

}  // namespace
}  // namespace alignflow
