#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/client/fake_coordinator.h"

namespace alignflow {
namespace {

using testing::HasSubstr;
using testing::Not;

class SpaceCommandTest : public testing::Test {
 protected:
  SpaceCommandTest() {
    Add(v1::SPACE_OWNER_JOB, "jobs/j1", 9000, 1000)->add_parts()->set_name("pairs");
    Add(v1::SPACE_OWNER_PREPARED, "datasets/polyps", 5000, 0);
    Add(v1::SPACE_OWNER_DATASET, "datasets/polyps", 3000, 1000);
    Add(v1::SPACE_OWNER_NOBODY, "", 7, 0);
    coordinator_.server.space.set_bytes(18007);
    coordinator_.server.space.set_free_disk_bytes(2000000);
    coordinator_.server.space.set_disk_reserve_bytes(1000000);
  }

  v1::SpaceUse* Add(v1::SpaceOwner owner, const std::string& name, int64_t own, int64_t shared) {
    v1::SpaceUse* use = coordinator_.server.space.add_uses();
    use->set_owner(owner);
    use->set_name(name);
    use->set_bytes(own);
    use->set_shared_bytes(shared);
    return use;
  }

  FakeCoordinator coordinator_;
};

TEST_F(SpaceCommandTest, NamesOwnersAsTheUserKnowsThem) {
  const auto run = coordinator_.Run({"space"});
  EXPECT_EQ(run.exit, 0) << run.err;
  for (const char* words : {"job j1 ", "prepared from polyps ", "dataset polyps ", "leftovers ",
                            "9.0 kB", "pairs", "18.0 kB", "2.0 MB left", "below 1.0 MB"}) {
    EXPECT_THAT(run.out, HasSubstr(words));
  }
  EXPECT_THAT(run.out, Not(HasSubstr("datasets/")));
}

TEST_F(SpaceCommandTest, AsksForEveryPageUpToTheLimit) {
  EXPECT_EQ(coordinator_.Run({"space", "--json"}).json()["uses"].size(), 4u);
  const auto limited = coordinator_.Run({"space", "--json", "--limit", "3"}).json();
  EXPECT_EQ(limited["uses"].size(), 3u);
  EXPECT_FALSE(limited.contains("next_page_token")) << limited;
  EXPECT_EQ(coordinator_.Run({"space", "--limit", "-1"}).exit, kExitFailure);
}

}  // namespace
}  // namespace alignflow
