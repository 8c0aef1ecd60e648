#include "client/job_file.h"

#include <gtest/gtest.h>

#include "tests/common/temp_folder.h"

namespace alignflow {
namespace {

class JobFileTest : public testing::Test {
 protected:
  absl::StatusOr<JobRequest> Read(const std::string& text) {
    WriteFile(folder_.path() / "job.yaml", text);
    return ReadJobFile(folder_.path() / "job.yaml");
  }
  void ExpectRefused(const std::string& text, const std::string& where, const std::string& what) {
    const auto read = Read(text);
    ASSERT_TRUE(absl::IsInvalidArgument(read.status())) << text;
    EXPECT_NE(read.status().message().find("job.yaml:" + where), std::string::npos)
        << read.status();
    EXPECT_NE(read.status().message().find(what), std::string::npos) << read.status();
  }
  TempFolder folder_;
};

TEST_F(JobFileTest, ReadsAllKeysAndTakesFoldersFromItsOwn) {
  const auto read = Read(
      "source: kvasir\nreferences: refs\ntarget: clinic\npairs: 70\npreset: unet-128\n"
      "settings:\n  fit.iterations: 20\n  align.rollout: fresh\n");
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(*read->source, "kvasir");
  EXPECT_EQ(*read->references, (folder_.path() / "refs").string());
  EXPECT_EQ(*read->target, "clinic");
  EXPECT_EQ(*read->pairs, 70);
  EXPECT_EQ(*read->preset, "unet-128");
  EXPECT_EQ(read->settings.at("fit.iterations"), "20");
  EXPECT_EQ(read->settings.at("align.rollout"), "fresh");
}

TEST_F(JobFileTest, UnknownKeyIsRefusedWithTheNearest) {
  ExpectRefused("source: a\nreferenses: b\n", "2", "did you mean `references`");
}

TEST_F(JobFileTest, MistakesAreNamedWithTheirLine) {
  ExpectRefused("source: a\npairs: many\n", "2", "whole number");
  ExpectRefused("source: [a, b]\n", "1", "one text");
  ExpectRefused("settings:\n  fit:\n    iterations: 3\n", "2", "dotted");
  ExpectRefused("settings:\n  seed: 1\n  seed: 2\n", "3", "twice");
  ExpectRefused("source: a\nsource: b\n", "2", "twice");
  ExpectRefused("just a text\n", "1", "source: NAME");
  ExpectRefused("source: a: b\n", "1", "");
  ExpectRefused("", "", "source: NAME");
}

TEST_F(JobFileTest, MissingFileIsNotFound) {
  EXPECT_TRUE(absl::IsNotFound(ReadJobFile(folder_.path() / "none.yaml").status()));
  EXPECT_TRUE(absl::IsNotFound(ReadJobFile(folder_.path()).status()));
}

TEST(JobFileMergeTest, FlagsWinKeyByKey) {
  const JobRequest file{.source = "a",
                        .references = "r",
                        .target = {},
                        .pairs = 5,
                        .preset = {},
                        .settings = {{"seed", "1"}, {"fit.iterations", "9"}}};
  JobRequest flags;
  flags.pairs = 7;
  flags.settings = {{"seed", "2"}};
  const JobRequest merged = Merge(file, flags);
  EXPECT_EQ(*merged.source, "a");
  EXPECT_EQ(*merged.pairs, 7);
  EXPECT_EQ(merged.settings.at("seed"), "2");
  EXPECT_EQ(merged.settings.at("fit.iterations"), "9");
}

TEST(JobFileSettingTest, KeyAndValueAreSplitAtTheFirstEqualsSign) {
  std::map<std::string, std::string> settings;
  EXPECT_TRUE(AddSetting("a.b=c=d", settings).ok());
  EXPECT_EQ(settings.at("a.b"), "c=d");
  EXPECT_TRUE(absl::IsInvalidArgument(AddSetting("a.b=e", settings)));
  EXPECT_TRUE(absl::IsInvalidArgument(AddSetting("novalue", settings)));
  EXPECT_TRUE(absl::IsInvalidArgument(AddSetting("=x", settings)));
}

}  // namespace
}  // namespace alignflow
