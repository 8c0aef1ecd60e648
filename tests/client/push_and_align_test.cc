#include <gtest/gtest.h>

#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>
#include <set>

#include "client/dataset_push.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "google/protobuf/util/delimited_message_util.h"
#include "tests/client/fake_coordinator.h"
#include "worker/data/phantom.h"

namespace alignflow {
namespace {

class PushTest : public testing::Test {
 protected:
  PushTest() {
    const PhantomOptions options{.kind = PhantomKind::kFundus, .count = 3, .size = 16};
    EXPECT_TRUE(WritePhantoms(options, dir_).ok());
  }
  FakeCoordinator::Outcome Push(std::vector<std::string> more = {}) {
    std::vector<std::string> arguments = {"dataset", "push", "fundus-1", dir_, "--json"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return coordinator_.Run(arguments);
  }
  FakeCoordinator coordinator_;
  TempFolder folder_;
  const std::filesystem::path dir_ = folder_.path() / "fundus";
};

TEST_F(PushTest, SendsEveryFileAndTheManifestWithItsLabels) {
  const auto outcome = Push({"--labels", "cup=0,disc=128"});
  ASSERT_EQ(outcome.exit, 0) << outcome.err;
  EXPECT_EQ(outcome.json()["name"], "datasets/fundus-1");
  const v1::Manifest& manifest = coordinator_.datasets.created.manifest();
  ASSERT_EQ(manifest.items_size(), 3);
  EXPECT_EQ(manifest.items(1).stem(), "000002");
  EXPECT_EQ(coordinator_.blobs.Get(manifest.items(1).image().sha256()),
            ReadFile(dir_ / "images" / "000002.png"));
  EXPECT_EQ(coordinator_.blobs.Get(manifest.items(1).mask().sha256()),
            ReadFile(dir_ / "masks" / "000002.png"));
  EXPECT_EQ(manifest.items(1).image().size_bytes(),
            static_cast<int64_t>(std::filesystem::file_size(dir_ / "images" / "000002.png")));
  ASSERT_EQ(manifest.labels_size(), 2);
  EXPECT_EQ(manifest.labels(1).name(), "disc");
  EXPECT_EQ(manifest.labels(1).value(), 128);
  EXPECT_EQ(manifest.background(), 255);
}

TEST_F(PushTest, ItemsThatAreTooManyForAMessageGoAsABlob) {
  ASSERT_EQ(Push({"--labels", "cup=0,disc=128"}).exit, 0);
  v1::CreateDatasetRequest request;
  *request.mutable_manifest() = coordinator_.datasets.created.manifest();
  const auto stubs = Stubs::On(coordinator_.channel());
  ASSERT_EQ(MoveItemsToBlob(*stubs.blobs, request.ByteSizeLong(), request), absl::OkStatus());
  EXPECT_EQ(request.manifest().items_size(), 3) << "they fit";
  ASSERT_EQ(MoveItemsToBlob(*stubs.blobs, request.ByteSizeLong() - 1, request), absl::OkStatus());
  EXPECT_EQ(request.manifest().items_size(), 0);
  EXPECT_EQ(request.manifest().labels_size(), 2);
  const std::string bytes = coordinator_.blobs.Get(request.items().sha256());
  EXPECT_EQ(static_cast<int64_t>(bytes.size()), request.items().size_bytes());
  google::protobuf::io::ArrayInputStream stream(bytes.data(), static_cast<int>(bytes.size()));
  bool at_end = false;
  for (const v1::DatasetItem& expected : coordinator_.datasets.created.manifest().items()) {
    v1::DatasetItem item;
    ASSERT_TRUE(google::protobuf::util::ParseDelimitedFromZeroCopyStream(&item, &stream, &at_end));
    EXPECT_EQ(item.stem(), expected.stem());
  }
}

TEST_F(PushTest, SendsAFingerprintOfEachPictureAndTheStructuresOfEachMask) {
  ASSERT_EQ(Push({"--labels", "cup=0,disc=128"}).exit, 0);
  std::set<std::string> pictures;
  for (const v1::DatasetItem& item : coordinator_.datasets.created.manifest().items()) {
    EXPECT_EQ(item.facts().fingerprint().size(), 32u);
    pictures.insert(item.facts().fingerprint());
    EXPECT_TRUE(item.facts().structures_counted());
    ASSERT_EQ(item.facts().structures_size(), 2) << "cup and disc, not the background";
    for (const v1::Structures& shown : item.facts().structures()) {
      EXPECT_GE(shown.structures(), 1);
      ASSERT_EQ(shown.kept_size(), 3) << "a size each of the presets";
      for (const v1::KeptStructures& kept : shown.kept()) {
        EXPECT_EQ(kept.structures(), shown.structures()) << "enlarged, nothing vanishes";
      }
    }
  }
  EXPECT_EQ(pictures.size(), 3u);
}

TEST_F(PushTest, WarnsOfStructuresThatVanishAtTheDefaultPresetsSize) {
  for (const auto& file : std::filesystem::directory_iterator(dir_ / "images")) {
    cv::Mat image = cv::imread(file.path().string()), mask(640, 640, CV_8U, cv::Scalar(0));
    cv::resize(image, image, mask.size());
    // Two of three are large enough for 64 pixels.
    mask(cv::Rect(100, 100, 80, 80)).setTo(255);
    mask(cv::Rect(300, 100, 80, 80)).setTo(255);
    mask(cv::Rect(500, 507, 6, 6)).setTo(255);
    ASSERT_TRUE(cv::imwrite(file.path().string(), image));
    ASSERT_TRUE(cv::imwrite((dir_ / "masks" / file.path().filename()).string(), mask));
  }
  const auto outcome = Push({"--labels", "lesion=255"});
  ASSERT_EQ(outcome.exit, 0) << outcome.err;
  EXPECT_NE(outcome.err.find("of 9 lesion structures 3 vanish at 64 px; with --preset unet-128 0 "
                             "vanish"),
            std::string::npos)
      << outcome.err;
}

TEST_F(PushTest, TellsHowFarTheServerHasCome) {
  coordinator_.datasets.progress = {0, 1, 2};
  coordinator_.datasets.between_progress = absl::Milliseconds(600);
  const auto outcome = Push();
  ASSERT_EQ(outcome.exit, 0) << outcome.err;
  EXPECT_NE(outcome.err.find("the coordinator checks 1/3 pairs"), std::string::npos) << outcome.err;
  EXPECT_EQ(outcome.json()["item_count"], "3");
}

TEST_F(PushTest, AStreamThatEndsWithoutTheDatasetIsAnError) {
  coordinator_.datasets.progress = {0};
  coordinator_.datasets.no_answer = true;
  EXPECT_EQ(Push().exit, kExitFault);
}

TEST_F(PushTest, SendsNothingThatTheServerHas) {
  ASSERT_EQ(Push().exit, 0);
  const auto again = Push();
  EXPECT_EQ(again.json()["sent_bytes"], 0);
}

TEST_F(PushTest, GuessedLabelsAreToldOnStderr) {
  const auto outcome = Push();
  EXPECT_NE(outcome.err.find("labels, guessed from the masks"), std::string::npos);
  EXPECT_EQ(coordinator_.datasets.created.manifest().labels_size(), 2);
}

TEST_F(PushTest, NothingIsSentForAFolderWithAMistake) {
  WriteFile(dir_ / "images" / "000003.png", "no picture");
  const auto outcome = Push();
  EXPECT_EQ(outcome.exit, kExitFailure);
  EXPECT_NE(outcome.err.find("000003.png"), std::string::npos);
  EXPECT_TRUE(coordinator_.blobs.write_offsets().empty());
  EXPECT_EQ(coordinator_.datasets.created.dataset_id(), "");
}

TEST_F(PushTest, BadNameAndBadLabelsAreRefusedBeforeAnythingIsRead) {
  for (const std::string name : {"../x", "A", "_x", "a b"}) {
    const auto outcome = coordinator_.Run({"dataset", "push", name, "no-such-folder", "--json"});
    EXPECT_EQ(outcome.json()["error"]["code"], "INVALID_ARGUMENT") << name;
    EXPECT_NE(outcome.err.find("dataset name"), std::string::npos) << name;
  }
  EXPECT_NE(Push({"--labels", "cup"}).err.find("--labels"), std::string::npos);
}

class AlignTest : public PushTest {
 protected:
  FakeCoordinator::Outcome Align(std::vector<std::string> more) {
    std::vector<std::string> arguments = {"align", "--json"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return coordinator_.Run(arguments);
  }
  const v1::AlignSpec& spec() { return coordinator_.jobs.job.spec(); }
};

TEST_F(AlignTest, CreatesAJobFromFlags) {
  const auto outcome = Align({"--source", "src", "--references", dir_, "--pairs", "7", "--target",
                              "datasets/held-out", "--preset", "unet-64", "--set",
                              "fit.iterations=20", "--set", "seed=3"});
  ASSERT_EQ(outcome.exit, 0) << outcome.err;
  EXPECT_EQ(outcome.json()["name"], FakeJobs::kName);
  EXPECT_EQ(spec().source(), "datasets/src");
  EXPECT_EQ(spec().target(), "datasets/held-out");
  EXPECT_EQ(spec().pairs(), 7);
  EXPECT_EQ(spec().settings().at("fit.iterations"), "20");
  EXPECT_EQ(spec().settings().at("seed"), "3");
  ASSERT_EQ(spec().references_size(), 3);
  EXPECT_EQ(spec().references(0).fingerprint().size(), 32u);
  EXPECT_EQ(coordinator_.blobs.Get(spec().references(0).image().sha256()),
            ReadFile(dir_ / "images" / "000001.png"));
}

TEST_F(AlignTest, OptionsOfTheirOwnAreSettingsUnderneath) {
  const auto outcome =
      Align({"--source", "src", "--references", dir_, "--pairs", "7", "--method", "controlnet-fm",
             "--masks", "both", "--segmenter", "segformer-b0", "--no-gates"});
  ASSERT_EQ(outcome.exit, 0) << outcome.err;
  EXPECT_EQ(spec().settings().at("method"), "controlnet-fm");
  EXPECT_EQ(spec().settings().at("masks.kind"), "both");
  EXPECT_EQ(spec().settings().at("evaluate.segmenter"), "segformer-b0");
  EXPECT_EQ(spec().settings().at("gates.enabled"), "off");
  ASSERT_EQ(Align({"--source", "src", "--references", dir_, "--pairs", "7"}).exit, 0);
  EXPECT_TRUE(spec().settings().empty()) << "what is not given is the server's to choose";
}

TEST_F(AlignTest, AnOptionAndItsSettingContradictEachOther) {
  const auto outcome = Align({"--source", "src", "--references", dir_, "--pairs", "7", "--no-gates",
                              "--set", "gates.enabled=on"});
  EXPECT_EQ(outcome.exit, kExitFailure);
  EXPECT_NE(outcome.err.find("gates.enabled"), std::string::npos);
  EXPECT_NE(Align({"--source", "s", "--references", dir_, "--pairs", "7", "--masks", "no"})
                .err.find("real, synthetic, both"),
            std::string::npos);
}

TEST_F(AlignTest, JobFileIsOverriddenByFlags) {
  WriteFile(folder_.path() / "job.yaml",
            "source: src\nreferences: fundus/images\npairs: 7\nsettings:\n  seed: 1\n");
  const auto outcome = Align({"-f", folder_.path() / "job.yaml", "--pairs", "9"});
  ASSERT_EQ(outcome.exit, 0) << outcome.err;
  EXPECT_EQ(spec().pairs(), 9);
  EXPECT_EQ(spec().settings().at("seed"), "1");
  EXPECT_EQ(spec().references_size(), 3);
}

TEST_F(AlignTest, NameLabelsAndPriorityMayStandInTheJobFile) {
  WriteFile(folder_.path() / "job.yaml",
            "source: src\nreferences: fundus/images\npairs: 7\nname: first\n"
            "labels:\n  study: a\n  site: b\npriority: 10\n");
  const auto& created = coordinator_.jobs.created;
  ASSERT_EQ(Align({"-f", folder_.path() / "job.yaml"}).exit, 0);
  EXPECT_EQ(created.display_name(), "first");
  EXPECT_EQ(created.labels().at("study"), "a");
  EXPECT_EQ(created.priority(), 10);
  ASSERT_EQ(Align({"-f", folder_.path() / "job.yaml", "--name", "second", "--label", "study=c",
                   "--priority", "0"})
                .exit,
            0);
  EXPECT_EQ(created.display_name(), "second");
  EXPECT_EQ(created.labels().at("study"), "c");
  EXPECT_EQ(created.labels().at("site"), "b");
  EXPECT_EQ(created.priority(), 0);
}

TEST_F(AlignTest, MistakesAreRefusedBeforeAnythingIsSent) {
  const std::string refs = dir_;
  const std::vector<std::pair<std::vector<std::string>, std::string>> cases = {
      {{"--references", refs, "--pairs", "1"}, "--source"},
      {{"--source", "s", "--pairs", "1"}, "--references"},
      {{"--source", "s", "--references", refs}, "--pairs"},
      {{"--source", "s", "--references", refs, "--pairs", "0"}, "--pairs is 0"},
      {{"--source", "s", "--references", refs, "--pairs", "1", "--preset", "unet-65"}, "unet-64"},
      {{"--source", "s", "--references", refs, "--pairs", "1", "--set", "fit.iteration=3"},
       "fit.iterations"},
      {{"--source", "s", "--references", refs, "--pairs", "1", "--set", "align.start_index=20"},
       "19"},
      {{"--source", "s", "--references", refs + "/none", "--pairs", "1"}, "none"}};
  for (const auto& [arguments, what] : cases) {
    const auto outcome = Align(arguments);
    EXPECT_EQ(outcome.exit, kExitFailure) << what;
    EXPECT_NE(outcome.err.find(what), std::string::npos) << outcome.err;
  }
  EXPECT_TRUE(coordinator_.jobs.request_ids.empty());
  EXPECT_TRUE(coordinator_.blobs.write_offsets().empty());
}

TEST_F(AlignTest, OneReferenceGivesAWarning) {
  std::filesystem::create_directories(folder_.path() / "one");
  std::filesystem::copy(dir_ / "images" / "000001.png", folder_.path() / "one");
  const auto outcome =
      Align({"--source", "s", "--references", folder_.path() / "one", "--pairs", "1"});
  EXPECT_EQ(outcome.exit, 0) << outcome.err;
  EXPECT_NE(outcome.err.find("warning: "), std::string::npos);
}

TEST_F(AlignTest, LostAnswerIsAskedForAgainUnderTheSameRequestId) {
  coordinator_.jobs.lose_creations = 2;
  ASSERT_EQ(Align({"--source", "s", "--references", dir_, "--pairs", "1"}).exit, 0);
  ASSERT_EQ(coordinator_.jobs.request_ids.size(), 3u);
  EXPECT_EQ(coordinator_.jobs.request_ids[0], coordinator_.jobs.request_ids[2]);
  EXPECT_FALSE(coordinator_.jobs.request_ids[0].empty());
}

TEST_F(AlignTest, UnknownDatasetsAreNamedWithTheirOptionBeforeAnythingIsSent) {
  const std::vector<std::string> good = {"--references", dir_, "--pairs", "1"};
  for (const auto& [option, arguments] :
       {std::pair<std::string, std::vector<std::string>>("--source", {"--source", "nope"}),
        {"--target", {"--source", "s", "--target", "gone"}},
        {"--source", {"--source", "No Name"}}}) {
    std::vector<std::string> all = good;
    all.insert(all.end(), arguments.begin(), arguments.end());
    const auto outcome = Align(all);
    EXPECT_EQ(outcome.exit, kExitFailure);
    EXPECT_NE(outcome.err.find(option + ": "), std::string::npos) << outcome.err;
    EXPECT_NE(outcome.err.find("`afctl dataset list`"), std::string::npos) << outcome.err;
  }
  EXPECT_TRUE(coordinator_.blobs.write_offsets().empty());
}

TEST_F(AlignTest, WhatIsNextIsSaidOnStderrAndStdoutIsTheName) {
  const auto outcome =
      coordinator_.Run({"align", "--source", "s", "--references", dir_, "--pairs", "1"});
  EXPECT_EQ(outcome.exit, 0) << outcome.err;
  EXPECT_EQ(outcome.out, std::string(FakeJobs::kName) + "\n");
  for (const char* command : {"afctl job watch jobs/j1 --server 127.0.0.1:1",
                              "afctl report jobs/j1 -o report.html --server 127.0.0.1:1",
                              "afctl pairs pull jobs/j1 pairs/ --server 127.0.0.1:1"}) {
    EXPECT_NE(outcome.err.find(command), std::string::npos) << outcome.err;
  }
}

TEST_F(AlignTest, LargerPresetIsSuggestedWhereImagesAreLarger) {
  const auto note = [&](const std::string& largest, const std::string& preset) {
    coordinator_.datasets.dataset.set_largest(largest);
    const auto outcome =
        Align({"--source", "s", "--references", dir_, "--pairs", "1", "--preset", preset});
    EXPECT_EQ(outcome.exit, 0) << outcome.err;
    return outcome.err.find("--preset unet-128") != std::string::npos;
  };
  EXPECT_TRUE(note("129x100", "unet-64"));
  EXPECT_TRUE(note("100x640", "unet-64"));
  EXPECT_FALSE(note("128x128", "unet-64"));
  EXPECT_FALSE(note("640x480", "unet-128"));
}

TEST_F(AlignTest, WaitFollowsTheJobToItsEnd) {
  coordinator_.jobs.AddEvent(v1::JOB_STATE_RUNNING, v1::STAGE_STATE_RUNNING, 50);
  coordinator_.jobs.AddEvent(v1::JOB_STATE_SUCCEEDED, v1::STAGE_STATE_SUCCEEDED, 100);
  const auto outcome = Align({"--source", "s", "--references", dir_, "--pairs", "1", "--wait"});
  EXPECT_EQ(outcome.exit, 0) << outcome.err;
  EXPECT_EQ(outcome.json()["state"], "JOB_STATE_SUCCEEDED");
  EXPECT_NE(outcome.err.find("50/100"), std::string::npos);
}

}  // namespace
}  // namespace alignflow
