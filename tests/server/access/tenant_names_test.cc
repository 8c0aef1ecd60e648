#include "server/access/tenant_names.h"

#include <set>
#include <string>

#include "gtest/gtest.h"

namespace alignflow {
namespace {

TEST(TenantNamesTest, TheDefaultTenantsNamesAreWhatTheyWereBeforeThereWereTenants) {
  EXPECT_EQ(ScopedId("default", "polyps"), "polyps");
  EXPECT_EQ(ScopedText("default", "request 1"), "request 1");
  EXPECT_EQ(ScopedTaskKey("default", std::string(64, 'a')), std::string(64, 'a'));
}

TEST(TenantNamesTest, TheSameNameOfTwoTenantsIsTwo) {
  EXPECT_NE(ScopedId("a", "polyps"), ScopedId("b", "polyps"));
  EXPECT_EQ(PublicId(ScopedId("a", "polyps")), "polyps");
  EXPECT_EQ(PublicId("polyps"), "polyps");
  const std::string key(64, 'a');
  EXPECT_NE(ScopedTaskKey("a", key), ScopedTaskKey("b", key));
  EXPECT_NE(ScopedTaskKey("a", key), key);
  EXPECT_EQ(ScopedTaskKey("a", key).size(), 64u);
}

// A user may write anything into a request id, also what another tenant's looks like inside.
TEST(TenantNamesTest, NoTextOfATenantIsTakenForAnothers) {
  const std::string of_a = ScopedText("a", "x");
  std::set<std::string> texts;
  for (const char* tenant : {"default", "a", "b"}) {
    for (const std::string& text : {std::string("x"), of_a, std::string("a/x")}) {
      texts.insert(ScopedText(tenant, text));
    }
  }
  EXPECT_EQ(texts.size(), 9u);
  EXPECT_EQ(ScopedText("a", ""), "");
}

}  // namespace
}  // namespace alignflow
