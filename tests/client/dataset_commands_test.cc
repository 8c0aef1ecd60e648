#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/client/fake_coordinator.h"

namespace alignflow {
namespace {

using testing::HasSubstr;

class SetRetentionTest : public testing::Test {
 protected:
  FakeCoordinator::Outcome Set(const std::string& age) {
    return coordinator_.Run({"dataset", "set-retention", "polyps", "--keep-jobs", age});
  }
  const v1::UpdateDatasetRequest& sent() const { return coordinator_.datasets.updated; }

  FakeCoordinator coordinator_;
};

TEST_F(SetRetentionTest, SendsTheTimeAndShowsIt) {
  const auto outcome = Set("36h");
  EXPECT_EQ(outcome.exit, 0) << outcome.err;
  EXPECT_EQ(sent().name(), "datasets/polyps");
  EXPECT_EQ(sent().keep_jobs().age().seconds(), 36 * 3600);
  EXPECT_THAT(outcome.out, HasSubstr("after 1d12h"));
}

TEST_F(SetRetentionTest, KnowsNeverDefaultAndAtOnce) {
  EXPECT_THAT(Set("never").out, HasSubstr("never"));
  EXPECT_TRUE(sent().keep_jobs().forever());
  EXPECT_THAT(Set("0").out, HasSubstr("at once"));
  EXPECT_TRUE(sent().keep_jobs().has_age());
  EXPECT_THAT(Set("default").out, HasSubstr("default"));
  EXPECT_FALSE(sent().has_keep_jobs());
}

TEST_F(SetRetentionTest, RefusesWhatIsNoTimeBeforeAnythingIsSent) {
  const auto outcome = Set("soon");
  EXPECT_EQ(outcome.exit, kExitFailure);
  EXPECT_THAT(outcome.err, HasSubstr("--keep-jobs: 'soon'"));
  EXPECT_EQ(sent().name(), "");
}

TEST_F(SetRetentionTest, IsShownInTheList) {
  coordinator_.datasets.stored = {"datasets/polyps"};
  EXPECT_THAT(coordinator_.Run({"dataset", "list"}).out, HasSubstr("JOBS DELETED"));
  coordinator_.datasets.dataset.mutable_keep_jobs()->mutable_age()->set_seconds(86400);
  EXPECT_THAT(coordinator_.Run({"dataset", "get", "polyps"}).out, HasSubstr("after 1d"));
}

}  // namespace
}  // namespace alignflow
