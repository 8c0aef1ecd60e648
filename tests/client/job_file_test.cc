#include "client/job_file.h"

#include <gtest/gtest.h>

#include <filesystem>

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
      "settings:\n  fit.iterations: 20\n  align.rollout: fresh\n"
      "name: first try\nlabels:\n  study: colon-2026\n  site: b\npriority: -10\n");
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(*read->source, "kvasir");
  EXPECT_EQ(*read->references, (folder_.path() / "refs").string());
  EXPECT_EQ(*read->target, "clinic");
  EXPECT_EQ(*read->pairs, 70);
  EXPECT_EQ(*read->preset, "unet-128");
  EXPECT_EQ(read->settings.at("fit.iterations"), "20");
  EXPECT_EQ(read->settings.at("align.rollout"), "fresh");
  EXPECT_EQ(*read->name, "first try");
  EXPECT_EQ(read->labels,
            (std::map<std::string, std::string>{{"study", "colon-2026"}, {"site", "b"}}));
  EXPECT_EQ(*read->priority, -10);
}

TEST_F(JobFileTest, TheDocumentedOneIsRead) {
  const std::string readme =
      ReadFile(std::filesystem::path(ALIGNFLOW_TEST_DATA) / ".." / ".." / "README.md");
  const size_t begin = readme.find("```yaml\n");
  ASSERT_NE(begin, std::string::npos);
  const auto read = Read(readme.substr(begin + 8, readme.find("```", begin + 8) - begin - 8));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_TRUE(read->name && read->priority);
  EXPECT_EQ(read->labels.size(), 1u);
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
  ExpectRefused("source: a\npriority: high\n", "2", "whole number");
  ExpectRefused("source: a\npriority: 101\n", "2", "-100 to 100");
  ExpectRefused("labels: study=colon\n", "1", "map names to values");
  ExpectRefused("labels:\n  study: [a]\n", "2", "one value");
  ExpectRefused("labels:\n  study: a\n  study: b\n", "3", "twice");
  ExpectRefused("name: [a]\n", "1", "one text");
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
                        .settings = {{"seed", "1"}, {"fit.iterations", "9"}},
                        .name = "of the file",
                        .labels = {{"study", "a"}, {"site", "b"}},
                        .priority = 5};
  JobRequest flags;
  flags.pairs = 7;
  flags.settings = {{"seed", "2"}};
  flags.name = "of the flags";
  flags.labels = {{"study", "c"}};
  const JobRequest merged = Merge(file, flags);
  EXPECT_EQ(*merged.source, "a");
  EXPECT_EQ(*merged.pairs, 7);
  EXPECT_EQ(merged.settings.at("seed"), "2");
  EXPECT_EQ(merged.settings.at("fit.iterations"), "9");
  EXPECT_EQ(*merged.name, "of the flags");
  EXPECT_EQ(merged.labels.at("study"), "c");
  EXPECT_EQ(merged.labels.at("site"), "b");
  EXPECT_EQ(*merged.priority, 5);
  flags.priority = 0;
  EXPECT_EQ(*Merge(file, flags).priority, 0) << "given, if with the usual one";
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
