#include "client/patience.h"

#include <gtest/gtest.h>

#include <vector>

namespace alignflow {
namespace {

class PatienceTest : public testing::Test {
 protected:
  Patience Make(absl::Duration limit) {
    return Patience(
        limit, [this](const std::string& line) { told_.push_back(line); },
        {.now = [this] { return now_; }, .sleep = [this](absl::Duration d) { now_ += d; }});
  }
  absl::Time now_ = absl::FromUnixSeconds(1000);
  std::vector<std::string> told_;
};

TEST_F(PatienceTest, GivesUpWhenTheLimitIsReachedAndNotBefore) {
  Patience patience = Make(absl::Seconds(60));
  absl::Status status;
  int attempts = 0;
  for (; status.ok() && attempts < 1000; ++attempts) {
    status = patience.AfterFailure(absl::UnavailableError("gone"));
  }
  EXPECT_TRUE(absl::IsDeadlineExceeded(status)) << status;
  EXPECT_EQ(now_, absl::FromUnixSeconds(1060));
  EXPECT_GT(attempts, 10);
  EXPECT_EQ(told_.size(), 1u);
}

TEST_F(PatienceTest, AnAnswerBeginsANewCount) {
  Patience patience = Make(absl::Seconds(60));
  ASSERT_TRUE(patience.AfterFailure(absl::UnavailableError("gone")).ok());
  now_ += absl::Seconds(59);
  patience.Answered();
  now_ += absl::Seconds(59);
  EXPECT_TRUE(patience.AfterFailure(absl::CancelledError("closing")).ok());
  EXPECT_EQ(told_.size(), 3u);
}

TEST_F(PatienceTest, AnAnswerWithoutASilenceBeforeIsNoNews) {
  Make(absl::Seconds(60)).Answered();
  EXPECT_TRUE(told_.empty());
}

TEST_F(PatienceTest, OtherErrorsAreReturnedAtOnceAsTheyAre) {
  Patience patience = Make(absl::Seconds(60));
  const absl::Status error = absl::NotFoundError("no such job");
  EXPECT_EQ(patience.AfterFailure(error), error);
  EXPECT_EQ(now_, absl::FromUnixSeconds(1000));
}

}  // namespace
}  // namespace alignflow
