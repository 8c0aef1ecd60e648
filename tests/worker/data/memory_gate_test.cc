#include "worker/data/memory_gate.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <stdexcept>
#include <thread>
#include <vector>

#include "common/parallel.h"

namespace alignflow {
namespace {

TEST(MemoryGateTest, WhatIsInsideStaysWithinTheLimitAndEverybodyGetsIn) {
  constexpr size_t kLimit = 100;
  MemoryGate gate(kLimit);
  std::atomic<size_t> inside = 0, served = 0;
  std::atomic<bool> exceeded = false;
  {
    std::vector<std::jthread> threads;
    for (size_t thread = 0; thread < 8; ++thread) {
      threads.emplace_back([&, thread] {
        for (size_t i = 0; i < 500; ++i) {
          const size_t bytes = 1 + (i * 37 + thread * 11) % 60;
          gate.Enter(bytes);
          if (inside.fetch_add(bytes) + bytes > kLimit) exceeded = true;
          inside -= bytes;
          gate.Leave(bytes);
          ++served;
        }
      });
    }
  }
  EXPECT_FALSE(exceeded);
  EXPECT_EQ(served, 8u * 500);
}

TEST(MemoryGateTest, WhatNeedsMoreThanTheLimitIsLetInAlone) {
  MemoryGate gate(100);
  std::atomic<int> inside = 0;
  std::atomic<bool> together = false;
  {
    std::vector<std::jthread> threads;
    for (int thread = 0; thread < 4; ++thread) {
      threads.emplace_back([&] {
        for (int i = 0; i < 200; ++i) {
          gate.Enter(1000);
          if (++inside > 1) together = true;
          --inside;
          gate.Leave(1000);
        }
      });
    }
  }
  EXPECT_FALSE(together);
}

TEST(ForEachOnAllCoresTest, EveryIndexIsVisitedOnceAndAFalseOrAThrowEndsIt) {
  std::vector<std::atomic<int>> visits(1000);
  EXPECT_TRUE(ForEachOnAllCores(visits.size(), [&](size_t i) { return ++visits[i] == 1; }));
  for (const auto& visit : visits) EXPECT_EQ(visit, 1);

  std::atomic<size_t> calls = 0;
  EXPECT_FALSE(ForEachOnAllCores(100000, [&](size_t) {
    ++calls;
    return false;
  }));
  EXPECT_LE(calls, std::max(1u, std::thread::hardware_concurrency()));
  EXPECT_THROW(ForEachOnAllCores(10,
                                 [](size_t i) -> bool {
                                   if (i == 3) throw std::runtime_error("three");
                                   return true;
                                 }),
               std::runtime_error);
  EXPECT_TRUE(ForEachOnAllCores(0, [](size_t) { return false; }));
}

}  // namespace
}  // namespace alignflow
