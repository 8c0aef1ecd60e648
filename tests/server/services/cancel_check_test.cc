#include "server/services/cancel_check.h"

#include "gtest/gtest.h"

namespace alignflow {
namespace {

TEST(CancelCheckTest, IsAskedAtTheFirstOfManyItemsAndRemembersTheAnswer) {
  int asked = 0;
  CancelCheck check([&] { return ++asked > 2; });
  for (int item = 0; item < 2 * CancelCheck::kItems; ++item) EXPECT_FALSE(check.Cancelled());
  EXPECT_EQ(asked, 2);
  for (int item = 0; item < 1000; ++item) EXPECT_TRUE(check.Cancelled());
  EXPECT_EQ(asked, 3);
}

}  // namespace
}  // namespace alignflow
