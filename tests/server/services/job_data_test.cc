#include <string>
#include <vector>

#include "common/data/fingerprint.h"
#include "tests/server/coordinator_fixture.h"

namespace alignflow {
namespace {

using testing::AllOf;
using testing::HasSubstr;

// What CreateJob says of a job's data before anything is computed.
class JobDataTest : public CoordinatorTest {
 protected:
  // Fingerprints of different pictures differ in many bits.
  static Fingerprint Picture(int number) {
    Fingerprint fingerprint;
    for (size_t i = 0; i < 4; ++i) {
      fingerprint.bits[i] = (number + 1) * 0x9e3779b97f4a7c15ull >> (i * 7) ^
                            static_cast<uint64_t>(number) * 0xc2b2ae3d27d4eb4full;
    }
    return fingerprint;
  }
  static std::string NearTo(int number) {
    Fingerprint fingerprint = Picture(number);
    fingerprint.bits[0] ^= 7;
    return FingerprintBytes(fingerprint);
  }

  // Structures of 12 pixels in each mask, of which some are kept at 64 and at 128 pixels.
  static void CountStructures(v1::DatasetItem& item, int count, int at_64, int at_128) {
    item.mutable_facts()->set_structures_counted(true);
    if (count == 0) return;
    v1::Structures* shown = item.mutable_facts()->add_structures();
    shown->set_value(255);
    shown->set_structures(count);
    shown->set_pixels(12 * count);
    for (const auto& [size, kept] : {std::pair{64, at_64}, {128, at_128}}) {
      v1::KeptStructures* left = shown->add_kept();
      left->set_size(size);
      left->set_structures(kept);
      left->set_pixels(12 * kept);
    }
  }

  // A job on source and target of so many images each, all different.
  v1::CreateJobRequest RequestOn(const v1::Manifest& source, const v1::Manifest& target,
                                 int references = 3) {
    const std::string number = std::to_string(++requests_);
    EXPECT_EQ(CreateDataset("source-" + number, source), absl::OkStatus());
    EXPECT_EQ(CreateDataset("target-" + number, target), absl::OkStatus());
    v1::CreateJobRequest request = JobRequest(8, references);
    request.mutable_spec()->set_source("datasets/source-" + number);
    request.mutable_spec()->set_target("datasets/target-" + number);
    return request;
  }
  v1::CreateJobRequest Good() { return RequestOn(ManifestOf(4), ManifestOf(4, 60)); }

  void ExpectRefused(const v1::CreateJobRequest& request, const std::vector<std::string>& words) {
    const absl::Status status = CreateJob(request).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    for (const std::string& word : words) {
      EXPECT_THAT(std::string(status.message()), HasSubstr(word));
    }
  }
  std::vector<std::string> WarningsOf(const v1::CreateJobRequest& request) {
    const absl::StatusOr<v1::Job> job = CreateJob(request);
    EXPECT_TRUE(job.ok()) << job.status();
    if (!job.ok()) return {};
    return {job->warnings().begin(), job->warnings().end()};
  }

 private:
  int requests_ = 0;
};

TEST_F(JobDataTest, GoodDataHasNoWarning) { EXPECT_TRUE(WarningsOf(Good()).empty()); }

TEST_F(JobDataTest, AnEvaluationOfVeryManyPairsSaysHowManyItTrainsOn) {
  v1::CreateJobRequest request = Good();
  request.mutable_spec()->set_pairs(1'000'000);
  (*request.mutable_spec()->mutable_settings())["evaluate.segmenter"] = "unet";
  EXPECT_THAT(WarningsOf(request),
              testing::Contains("segmentation models are trained on 10240 of the 1000000 pairs, "
                                "spread evenly over them"));
}

TEST_F(JobDataTest, ATargetEqualToTheSourceIsRefused) {
  v1::CreateJobRequest request = Good();
  request.mutable_spec()->set_target(request.spec().source());
  ExpectRefused(request, {"--target source-1: 4 of the 4 images are no held-out ones",
                          "item-0 = item-0", "go without --target"});
}

TEST_F(JobDataTest, ReferencesCopiedFromTheTargetAreRefusedWhereTheyAreMostOfIt) {
  v1::CreateJobRequest request = RequestOn(ManifestOf(4), ManifestOf(5, 60));
  const v1::Manifest target = ManifestOf(5, 60);
  for (int i = 0; i < 3; ++i) {
    *request.mutable_spec()->mutable_references(i)->mutable_image() = target.items(i).image();
  }
  ExpectRefused(request, {"--target target-1: 3 of the 5", "3 in --references",
                          "item-0 = ref-0, item-1 = ref-1, item-2 = ref-2"});
}

TEST_F(JobDataTest, FewTargetImagesAmongTheReferencesAreDeclaredAndLeftOut) {
  const v1::Manifest target = ManifestOf(5, 60);
  v1::CreateJobRequest request = RequestOn(ManifestOf(4), target);
  *request.mutable_spec()->mutable_references(0)->mutable_image() = target.items(1).image();
  EXPECT_THAT(WarningsOf(request), testing::ElementsAre(AllOf(
                                       HasSubstr("1 of the 5 images"), HasSubstr("item-1 = ref-0"),
                                       HasSubstr("figures leave them out"))));
}

TEST_F(JobDataTest, TargetImagesOfAReferencesGroupAreDeclaredAndLeftOut) {
  v1::Manifest target = ManifestOf(7, 60);
  const char* names[] = {"seq1_f1", "seq1_f2", "seq2_f1", "seq3_f1", "seq4_f1", "seq5_f1", "other"};
  for (int i = 0; i < 7; ++i) target.mutable_items(i)->set_stem(names[i]);
  v1::CreateJobRequest request = RequestOn(ManifestOf(4), target);
  request.mutable_spec()->mutable_references(0)->set_stem("seq1_f9");
  EXPECT_THAT(WarningsOf(request),
              testing::ElementsAre(AllOf(HasSubstr("2 of the 7 images are no held-out ones"),
                                         HasSubstr("2 of the same group as references (seq1)"),
                                         HasSubstr("figures leave them out"))));
  request.mutable_spec()->mutable_references(1)->set_stem("seq2_f9");
  request.mutable_spec()->mutable_references(2)->set_stem("seq3_f9");
  ExpectRefused(request, {"4 of the 7", "4 of the same groups as references (seq1, seq2, seq3)"});
}

TEST_F(JobDataTest, GroupsThatAreGivenCountMoreThanNames) {
  v1::Manifest target = ManifestOf(6, 60);
  const char* groups[] = {"p1", "p1", "p2", "p3", "p4", "p5"};
  for (int i = 0; i < 6; ++i) {
    target.mutable_items(i)->set_stem("seq1_f" + std::to_string(i));
    target.mutable_items(i)->set_group(groups[i]);
  }
  v1::CreateJobRequest request = RequestOn(ManifestOf(4), target);
  request.mutable_spec()->mutable_references(0)->set_stem("seq1_f9");
  EXPECT_THAT(WarningsOf(request), testing::ElementsAre(AllOf(
                                       HasSubstr("groups are given for --target target-1, but not "
                                                 "for --references"),
                                       HasSubstr("groups.csv"))));
  *request.mutable_spec()->mutable_references(1)->mutable_image() = target.items(0).image();
  EXPECT_THAT(WarningsOf(request),
              testing::Contains(AllOf(HasSubstr("2 of the 6 images"), HasSubstr("(p1)"))))
      << "a reference that is a target image is of its group";
  for (int i = 0; i < 3; ++i) request.mutable_spec()->mutable_references(i)->set_group("p2");
  EXPECT_THAT(WarningsOf(request),
              testing::ElementsAre(AllOf(HasSubstr("3 of the 6 images"), HasSubstr("(p1, p2)"))));
}

TEST_F(JobDataTest, AGroupForSomeItemsOrOneThatCannotBeIsRefusedByName) {
  v1::Manifest manifest = ManifestOf(3);
  manifest.mutable_items(1)->set_group("a\nb");
  absl::Status status = CreateDataset("bad", manifest);
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  EXPECT_THAT(std::string(status.message()), AllOf(HasSubstr("manifest.items[1] 'item-1', group"),
                                                   HasSubstr("control character")));
  manifest.mutable_items(1)->set_group("p1");
  status = CreateDataset("bad", manifest);
  EXPECT_THAT(std::string(status.message()), HasSubstr("for every item or for none"));
  v1::CreateJobRequest request = Good();
  request.mutable_spec()->mutable_references(1)->set_group("p1");
  ExpectRefused(request, {"a group is given for every item or for none"});
}

TEST_F(JobDataTest, GroupsArePartOfTheDatasetsVersion) {
  v1::Manifest manifest = ManifestOf(2);
  v1::Dataset plain, grouped;
  ASSERT_EQ(CreateDataset("plain", manifest, &plain), absl::OkStatus());
  for (v1::DatasetItem& item : *manifest.mutable_items()) item.set_group("p1");
  ASSERT_EQ(CreateDataset("grouped", manifest, &grouped), absl::OkStatus());
  EXPECT_NE(plain.digest(), grouped.digest());
}

TEST_F(JobDataTest, ATargetStoredAnewIsFoundByItsPictures) {
  v1::Manifest source = ManifestOf(4), target = ManifestOf(4, 60);
  for (int i = 0; i < 4; ++i) {
    source.mutable_items(i)->mutable_facts()->set_fingerprint(FingerprintBytes(Picture(i)));
    target.mutable_items(i)->mutable_facts()->set_fingerprint(NearTo(3 - i));
  }
  ExpectRefused(RequestOn(source, target), {"4 of the 4", "item-0 looks like item-3"});
}

TEST_F(JobDataTest, ReferencesThatAreTheSourcesAreRefusedOrDeclared) {
  const v1::Manifest source = ManifestOf(4);
  v1::CreateJobRequest request = RequestOn(source, ManifestOf(4, 60));
  *request.mutable_spec()->mutable_references(2)->mutable_image() = source.items(3).image();
  EXPECT_THAT(WarningsOf(request), testing::ElementsAre(HasSubstr("ref-2 = item-3")));
  *request.mutable_spec()->mutable_references(1)->mutable_image() = source.items(2).image();
  ExpectRefused(request, {"--references: 2 of the 3 images are in --source source-1 as well",
                          "ref-1 = item-2, ref-2 = item-3", "give images of the other domain"});
}

TEST_F(JobDataTest, AtMostTenAreNamed) {
  v1::CreateJobRequest request = RequestOn(ManifestOf(13), ManifestOf(4, 60));
  request.mutable_spec()->set_target(request.spec().source());
  ExpectRefused(request, {"13 of the 13", "and 3 more"});
}

TEST_F(JobDataTest, CopiesOfAReferenceCountOnce) {
  v1::CreateJobRequest request = Good();
  for (int i = 1; i < 3; ++i) {
    *request.mutable_spec()->mutable_references(i)->mutable_image() =
        request.spec().references(0).image();
  }
  EXPECT_THAT(WarningsOf(request),
              testing::ElementsAre(HasSubstr("2 of the 3 files are there twice (ref-1 = ref-0, "
                                             "ref-2 = ref-0): each counts once, so there are 1"),
                                   HasSubstr("a single reference may bias the result")));
  Set(request, "align.references", "2");
  ExpectRefused(request, {"align.references is 2, but only 1 references are given"});
}

TEST_F(JobDataTest, CopiesOfAReferenceMakeTheSameTasksAsOne) {
  v1::CreateJobRequest one = JobRequest(8, 1);
  v1::CreateJobRequest many = one;
  v1::ReferenceImage* copy = many.mutable_spec()->add_references();
  *copy = many.spec().references(0);
  copy->set_stem("ref-copy");
  ASSERT_TRUE(CreateJob(one).ok());
  Work(Register());
  const v1::Job job = CreateJob(many).value();
  EXPECT_EQ(job.spec().references_size(), 2) << "the job shows what was asked for";
  const v1::Job done = GetJob(job.name());
  EXPECT_EQ(done.state(), v1::JOB_STATE_SUCCEEDED);
  for (const v1::Stage& stage : done.stages()) {
    EXPECT_EQ(stage.tasks_reused(), stage.tasks_total()) << stage.id();
  }
}

TEST_F(JobDataTest, OneSourceImageIsRefusedBeforeStage1) {
  ExpectRefused(RequestOn(ManifestOf(1), ManifestOf(4, 60)),
                {"1 different source image", "at least 2"});
  v1::Manifest copies = ManifestOf(3);
  for (int i = 1; i < 3; ++i) *copies.mutable_items(i)->mutable_image() = copies.items(0).image();
  ExpectRefused(RequestOn(copies, ManifestOf(4, 60)), {"1 different source image"});
}

TEST_F(JobDataTest, VanishingStructuresAreRefusedWithThePresetThatKeepsThem) {
  v1::Manifest source = ManifestOf(4);
  for (v1::DatasetItem& item : *source.mutable_items()) CountStructures(item, 10, 1, 9);
  v1::CreateJobRequest request = RequestOn(source, ManifestOf(4, 60));
  ExpectRefused(request, {"of 40 polyp structures 36 vanish at 64 px; with --preset unet-128 4 "
                          "vanish"});
  request.mutable_spec()->set_preset("unet-128");
  EXPECT_THAT(WarningsOf(request), testing::ElementsAre(HasSubstr("4 vanish at 128 px")));
}

TEST_F(JobDataTest, StructuresThatVanishWhereSegmentationModelsWorkAreToldOfThatSize) {
  v1::Manifest source = ManifestOf(4);
  for (v1::DatasetItem& item : *source.mutable_items()) CountStructures(item, 10, 1, 9);
  v1::CreateJobRequest request = RequestOn(source, ManifestOf(4, 60));
  request.mutable_spec()->set_preset("unet-128");
  Set(request, "evaluate.size", "64");
  EXPECT_EQ(WarningsOf(request).size(), 1u) << "nothing is evaluated";
  Set(request, "evaluate.segmenter", "unet");
  ExpectRefused(request, {"setting evaluate.size: of --source source-1 of 40 polyp structures 36 "
                          "vanish at 64 px",
                          "give a larger one"});
  v1::Manifest fine = ManifestOf(4);
  for (v1::DatasetItem& item : *fine.mutable_items()) CountStructures(item, 10, 9, 10);
  v1::CreateJobRequest other = RequestOn(fine, ManifestOf(4, 60));
  other.mutable_spec()->set_preset("unet-128");
  Set(other, "evaluate.segmenter", "unet");
  Set(other, "evaluate.size", "64");
  EXPECT_THAT(WarningsOf(other), testing::Contains(HasSubstr("evaluate.size")));
}

TEST_F(JobDataTest, ClassesThatTheImagesDoNotHaveAreRefused) {
  v1::Manifest classed = ManifestOf(4);
  for (int i = 0; i < 4; ++i) {
    classed.mutable_items(i)->set_image_class(i % 2 == 0 ? "adenoma" : "serrated");
  }
  v1::CreateJobRequest plain = Good(), request = RequestOn(classed, ManifestOf(4, 60));
  Set(plain, "fit.condition", "both");
  ExpectRefused(plain, {"fit.condition", "--source source-1", "classes.csv"});
  Set(request, "fit.condition", "both");
  Set(request, "pairs.classes", "adenoma, serrated");
  EXPECT_TRUE(CreateJob(request).ok()) << CreateJob(request).status();
  Set(request, "pairs.classes", "adenoma,normal");
  ExpectRefused(request, {"pairs.classes", "'normal'", "adenoma, serrated"});
}

TEST_F(JobDataTest, EmptyMasksAreRefused) {
  v1::Manifest empty = ManifestOf(4), target = ManifestOf(4, 60);
  for (v1::DatasetItem& item : *empty.mutable_items()) CountStructures(item, 0, 0, 0);
  ExpectRefused(RequestOn(empty, target), {"none of its 4 masks shows anything but background"});
  v1::Manifest source = ManifestOf(4);
  for (v1::DatasetItem& item : *target.mutable_items()) CountStructures(item, 0, 0, 0);
  v1::CreateJobRequest request = RequestOn(source, target);
  EXPECT_TRUE(CreateJob(request).ok()) << "nothing is evaluated on the target's masks";
  Set(request, "evaluate.segmenter", "unet");
  ExpectRefused(request, {"--target target-2: none of its 4 masks"});
}

TEST_F(JobDataTest, FactsThatCannotBeAreRefusedAndUnknownOnesAreNot) {
  v1::Manifest manifest = ManifestOf(2);
  CountStructures(*manifest.mutable_items(0), 3, 5, 3);
  const absl::Status kept = CreateDataset("kept", manifest);
  EXPECT_TRUE(absl::IsInvalidArgument(kept)) << kept;
  EXPECT_THAT(std::string(kept.message()), HasSubstr("manifest.items[0] 'item-0', facts"));
  manifest = ManifestOf(2);
  manifest.mutable_items(1)->mutable_facts()->set_fingerprint("short");
  EXPECT_TRUE(absl::IsInvalidArgument(CreateDataset("short", manifest)));
  manifest = ManifestOf(2);
  CountStructures(*manifest.mutable_items(0), 3, 1, 1);  // and nothing about the second
  EXPECT_EQ(CreateDataset("half", manifest), absl::OkStatus());
}

TEST_F(JobDataTest, FactsAreNoPartOfTheDatasetsVersion) {
  v1::Manifest manifest = ManifestOf(2);
  v1::Dataset plain, with_facts;
  ASSERT_EQ(CreateDataset("plain", manifest, &plain), absl::OkStatus());
  for (v1::DatasetItem& item : *manifest.mutable_items()) {
    CountStructures(item, 2, 2, 2);
    item.mutable_facts()->set_fingerprint(FingerprintBytes(Picture(1)));
  }
  ASSERT_EQ(CreateDataset("with-facts", manifest, &with_facts), absl::OkStatus());
  EXPECT_EQ(plain.digest(), with_facts.digest());
}

TEST_F(JobDataTest, AnEvaluationThatCanShowNothingIsDeclaredBeforeItIsComputed) {
  v1::CreateJobRequest request = Good();
  Set(request, "evaluate.segmenter", "unet");
  Set(request, "evaluate.seeds", "1");
  Set(request, "evaluate.iterations", "3");
  EXPECT_THAT(WarningsOf(request),
              testing::ElementsAre(AllOf(HasSubstr("`not measured`"),
                                         HasSubstr("1 run on each side, needs 3"),
                                         HasSubstr("3 training steps, needs 50"))));
  Set(request, "evaluate.synthetic_share", "0.01");
  ExpectRefused(request, {"evaluate.synthetic_share"});
}

}  // namespace
}  // namespace alignflow
