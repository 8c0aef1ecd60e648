#include "server/workflow/change_notifier.h"

#include <set>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace alignflow {
namespace {

using testing::ElementsAre;

TaskSpec Task(const std::string& kind, const std::string& preset = "unet-64") {
  return {.kind = kind, .settings = {{"preset", preset}}, .inputs = {}};
}

class ChangeNotifierTest : public testing::Test {
 protected:
  ChangeNotifier::Callback Note(const std::string& who) {
    return [this, who] { woken_.push_back(who); };
  }
  // `preset`: the only one that it knows; empty: all.
  ChangeNotifier::Subscription Worker(const std::string& who, const std::string& preset = "",
                                      bool closed = false) {
    WorkerAbilities abilities;
    if (!preset.empty()) abilities.presets = {preset};
    if (closed) closed_.insert(who);
    const auto is_open = [this, who] {
      ++asked_;
      return !closed_.contains(who);
    };
    return notifier_.OnTaskQueued(abilities, is_open, Note(who));
  }

  std::vector<std::string> woken_;
  std::set<std::string> closed_;
  int asked_ = 0;  // how often a worker was asked whether it is open
  ChangeNotifier notifier_;
};

TEST_F(ChangeNotifierTest, AJobWakesThoseWhoWatchItAndNobodyElse) {
  const auto first = notifier_.OnJob("a", Note("first of a"));
  const auto second = notifier_.OnJob("a", Note("second of a"));
  const auto other = notifier_.OnJob("b", Note("of b"));
  const auto worker = Worker("worker");
  const auto queue = notifier_.OnQueueMoved(Note("queue"));
  const auto ended = notifier_.OnTaskEnded(Note("ended"));
  notifier_.JobChanged("a");
  notifier_.JobChanged("nobody's");
  EXPECT_THAT(woken_, ElementsAre("first of a", "second of a"));
  notifier_.JobChanged("b");
  notifier_.QueueMoved();
  notifier_.TaskEnded();
  EXPECT_THAT(woken_, ElementsAre("first of a", "second of a", "of b", "queue", "ended"));
}

TEST_F(ChangeNotifierTest, WhoHasEndedIsNotCalled) {
  {
    const auto watched = notifier_.OnJob("a", Note("gone"));
    EXPECT_TRUE(notifier_.IsWatched("a"));
  }
  EXPECT_FALSE(notifier_.IsWatched("a"));
  ChangeNotifier::Subscription moved = notifier_.OnJob("a", Note("stays"));
  const ChangeNotifier::Subscription kept = std::move(moved);
  notifier_.JobChanged("a");
  EXPECT_THAT(woken_, ElementsAre("stays"));
}

TEST_F(ChangeNotifierTest, AQueuedTaskWakesTheOneWorkerThatHasWaitedLongest) {
  auto first = Worker("first");
  const auto second = Worker("second");
  const auto third = Worker("third");
  notifier_.TaskQueued(Task("fit"));
  EXPECT_THAT(woken_, ElementsAre("first"));
  notifier_.TaskQueued(Task("fit"));
  EXPECT_THAT(woken_, ElementsAre("first", "second"));
  first.Take();
  EXPECT_EQ(notifier_.waiting_workers(), 2);
  EXPECT_THAT(woken_, ElementsAre("first", "second"));
}

TEST_F(ChangeNotifierTest, ATaskWakesAWorkerThatCanDoIt) {
  const auto small = Worker("small", "unet-64");
  const auto large = Worker("large", "sd3.5-medium");
  notifier_.TaskQueued(Task("fit", "sd3.5-medium"));
  EXPECT_THAT(woken_, ElementsAre("large"));
  notifier_.TaskQueued(Task("fit", "unet-128"));
  EXPECT_THAT(woken_, ElementsAre("large")) << "nobody can";
}

TEST_F(ChangeNotifierTest, OfSeveralKindsTheWorkerThatHasWaitedLongestIsWoken) {
  const auto first = Worker("first", "unet-64");
  const auto second = Worker("second");
  const auto third = Worker("third", "unet-64");
  for (int i = 0; i < 4; ++i) notifier_.TaskQueued(Task("fit"));
  EXPECT_THAT(woken_, ElementsAre("first", "second", "third"));
}

TEST_F(ChangeNotifierTest, WorkersThatCannotTakeATaskAreNotWalked) {
  std::vector<ChangeNotifier::Subscription> waiting;
  for (int i = 0; i < 1000; ++i) {
    waiting.push_back(Worker("small " + std::to_string(i), "unet-64"));
  }
  for (int i = 0; i < 1000; ++i) {
    waiting.push_back(Worker("closed " + std::to_string(i), "sd3.5-medium", /*closed=*/true));
  }
  for (const char* who : {"one", "two", "three"}) waiting.push_back(Worker(who, "sd3.5-medium"));
  notifier_.TaskQueued(Task("fit", "sd3.5-medium"));
  EXPECT_THAT(woken_, ElementsAre("one"));
  asked_ = 0;  // who is closed has been asked once
  notifier_.TaskQueued(Task("fit", "sd3.5-medium"));
  notifier_.TaskQueued(Task("fit", "sd3.5-medium"));
  EXPECT_THAT(woken_, ElementsAre("one", "two", "three"));
  EXPECT_EQ(asked_, 2);
}

TEST_F(ChangeNotifierTest, AWorkerThatOpensIsWokenOnceItHasRenewed) {
  auto worker = Worker("worker", "", /*closed=*/true);
  notifier_.TaskQueued(Task("fit"));
  worker.Renew();
  notifier_.TaskQueued(Task("fit"));
  EXPECT_TRUE(woken_.empty()) << "it is still closed";
  closed_.clear();
  worker.Renew();
  notifier_.TaskQueued(Task("fit"));
  EXPECT_THAT(woken_, ElementsAre("worker"));
  worker.Renew();
  notifier_.TaskQueued(Task("fit"));
  EXPECT_THAT(woken_, ElementsAre("worker")) << "it has its task";
}

TEST_F(ChangeNotifierTest, AWorkerThatGoesAfterItWasWokenPassesTheTaskOn) {
  auto first = Worker("first");
  auto second = Worker("second");
  notifier_.TaskQueued(Task("fit"));
  first.Cancel();
  EXPECT_THAT(woken_, ElementsAre("first", "second"));
  second.Take();
  auto third = Worker("third");
  third.Cancel();
  EXPECT_THAT(woken_, ElementsAre("first", "second")) << "it had not been woken";
}

TEST_F(ChangeNotifierTest, ACallbackMayEndItsOwnSubscription) {
  ChangeNotifier::Subscription self;
  self = notifier_.OnJob("a", [&] {
    woken_.emplace_back("self");
    self.Cancel();
  });
  notifier_.JobChanged("a");
  notifier_.JobChanged("a");
  EXPECT_THAT(woken_, ElementsAre("self"));
}

TEST_F(ChangeNotifierTest, AClosingCoordinatorWakesAll) {
  const auto job = notifier_.OnJob("a", Note("job"));
  const auto queue = notifier_.OnQueueMoved(Note("queue"));
  const auto first = Worker("first");
  const auto second = Worker("second");
  notifier_.WakeAll();
  EXPECT_THAT(woken_, ElementsAre("job", "queue", "first", "second"));
}

}  // namespace
}  // namespace alignflow
