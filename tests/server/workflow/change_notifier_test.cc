#include "server/workflow/change_notifier.h"

#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace alignflow {
namespace {

using testing::ElementsAre;

TaskSpec Task(const std::string& kind) { return {.kind = kind, .settings = {}, .inputs = {}}; }

class ChangeNotifierTest : public testing::Test {
 protected:
  ChangeNotifier::Callback Note(const std::string& who) {
    return [this, who] { woken_.push_back(who); };
  }
  ChangeNotifier::Subscription Worker(const std::string& who, const std::string& kind = "") {
    return notifier_.OnTaskQueued(
        [kind](const TaskSpec& task) { return kind.empty() || task.kind == kind; }, Note(who));
  }

  std::vector<std::string> woken_;
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
  const auto cpu = Worker("no models", "fit");
  const auto gpu = Worker("models", "align");
  notifier_.TaskQueued(Task("align"));
  EXPECT_THAT(woken_, ElementsAre("models"));
  notifier_.TaskQueued(Task("figures"));
  EXPECT_THAT(woken_, ElementsAre("models")) << "nobody can";
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
