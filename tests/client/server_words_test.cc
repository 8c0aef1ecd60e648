#include "client/server_words.h"

#include <gtest/gtest.h>

namespace alignflow {
namespace {

std::string Words(const std::string& message) {
  return InUsersWords(absl::InvalidArgumentError(message));
}

TEST(ServerWords, FieldsBecomeTheOptionsThatFillThem) {
  EXPECT_EQ(Words("spec.pairs: is 0; give 1 to 1,000,000"), "--pairs: is 0; give 1 to 1,000,000");
  EXPECT_EQ(Words("spec.settings: method fda"), "--set: method fda");
  EXPECT_EQ(Words("manifest.labels: polyp is there twice"), "--labels: polyp is there twice");
}

TEST(ServerWords, FilesAreNamedWithoutTheirNumber) {
  EXPECT_EQ(Words("manifest.items[12] 'lesion', mask: 3 channels"),
            "the folder's file 'lesion', mask: 3 channels");
  EXPECT_EQ(Words("spec.references[0].stem: 'a' is there twice"),
            "--references: 'a' is there twice");
  EXPECT_EQ(Words("spec.references[0] 'a', image: damaged"), "--references 'a', image: damaged");
}

TEST(ServerWords, NoFieldThatAfctlFillsReachesTheUser) {
  EXPECT_EQ(Words("display_name: give at most 200 bytes"), "--name: give at most 200 bytes");
  EXPECT_EQ(Words("labels: Study: is no name"), "--label: Study: is no name");
  EXPECT_EQ(Words("priority: is 101"), "--priority: is 101");
  EXPECT_EQ(Words("spec.source: 'A' is no resource name; give datasets/ID"),
            "--source: 'A' is no name; give datasets/ID");
}

TEST(ServerWords, MethodsBecomeCommands) {
  EXPECT_EQ(Words("there is no jobs/x; ListJobs names those there are"),
            "there is no jobs/x; `afctl job list` names those there are");
}

TEST(ServerWords, OtherMessagesStayAsTheyAre) {
  EXPECT_EQ(Words("disk full: spec.pairs"), "disk full: spec.pairs");
}

}  // namespace
}  // namespace alignflow
