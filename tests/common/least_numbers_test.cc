#include "common/settings/least_numbers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace alignflow {
namespace {

using testing::HasSubstr;

TEST(LeastNumbersTest, EveryRowOfATaskRefusesOneLessAndTakesAsMany) {
  for (const LeastNumber& row : LeastNumbersOfTasks()) {
    const absl::Status less = CheckLeastNumbers(row.needed_by, {{row.quantity, row.least - 1}});
    EXPECT_EQ(less.code(), absl::StatusCode::kInvalidArgument) << row.needed_by;
    EXPECT_THAT(std::string(less.message()), HasSubstr("; "));
    EXPECT_TRUE(CheckLeastNumbers(row.needed_by, {{row.quantity, row.least}}).ok());
    EXPECT_TRUE(CheckLeastNumbers(row.needed_by, {}).ok()) << "what is not known is not checked";
  }
}

TEST(LeastNumbersTest, TheSentenceSaysHowManyThereAreWhatIsNeededAndWhatToDo) {
  EXPECT_EQ(
      std::string(CheckLeastNumbers("figures", {{Quantity::kSourceImages, 1}}).message()),
      "there is 1 different source image, at least 2 are needed (features are standardised by "
      "how the images differ); push a source with more images");
}

TEST(LeastNumbersTest, EvidenceThatIsNotKnownIsMissing) {
  EXPECT_EQ(MissingEvidence("downstream", {}).size(), 4u);
  const std::vector<std::string> missing =
      MissingEvidence("downstream", {{Quantity::kRuns, 1},
                                     {Quantity::kRunSteps, 600},
                                     {Quantity::kTargetStructures, 60},
                                     {Quantity::kTargetGroups, 20}});
  ASSERT_EQ(missing.size(), 1u);
  EXPECT_EQ(missing[0], "1 run on each side, needs 3 (--set evaluate.seeds=3)");
}

}  // namespace
}  // namespace alignflow
