#include "common/backoff.h"
#include "common/status_conversion.h"
#include "gtest/gtest.h"

namespace alignflow {
namespace {

TEST(StatusConversionTest, CodeAndMessageSurviveTheWayThereAndBack) {
  for (int code = 0; code <= 16; ++code) {
    const absl::Status status(static_cast<absl::StatusCode>(code), code == 0 ? "" : "message");
    EXPECT_EQ(FromGrpcStatus(ToGrpcStatus(status)), status);
  }
}

TEST(StatusConversionTest, AnnotateKeepsTheCodeAndLeavesSuccessAlone) {
  EXPECT_EQ(Annotate(absl::NotFoundError("no such job"), "jobs/x"),
            absl::NotFoundError("jobs/x: no such job"));
  EXPECT_EQ(Annotate(absl::OkStatus(), "jobs/x"), absl::OkStatus());
}

TEST(BackoffTest, DoublesUpToTheMaximum) {
  const BackoffPolicy policy{absl::Milliseconds(100), absl::Milliseconds(350), 0.5};
  EXPECT_EQ(BackoffDelay(policy, 1, 0.0), absl::Milliseconds(100));
  EXPECT_EQ(BackoffDelay(policy, 2, 0.0), absl::Milliseconds(200));
  EXPECT_EQ(BackoffDelay(policy, 3, 0.0), absl::Milliseconds(350));
  EXPECT_EQ(BackoffDelay(policy, 1000000, 0.0), absl::Milliseconds(350));
  EXPECT_EQ(BackoffDelay(policy, 1, 1.0), absl::Milliseconds(50));
}

}  // namespace
}  // namespace alignflow
