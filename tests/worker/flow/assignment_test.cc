#include "worker/flow/assignment.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <numeric>
#include <stdexcept>

namespace alignflow {
namespace {

// As in tests/reference/make_assignment_fixture.py.
std::vector<double> Costs(int64_t size, int64_t modulus) {
  int64_t state = modulus + size;
  std::vector<double> costs;
  for (int64_t i = 0; i < size * size; ++i) {
    state = (1103515245 * state + 12345) % 2147483648;
    costs.push_back(static_cast<double>((state >> 8) % modulus));
  }
  return costs;
}

double SumOf(const std::vector<double>& costs, const std::vector<int64_t>& columns) {
  const auto n = static_cast<int64_t>(columns.size());
  double sum = 0;
  for (int64_t row = 0; row < n; ++row) sum += costs[row * n + columns[row]];
  return sum;
}

bool IsPermutation(std::vector<int64_t> columns) {
  std::ranges::sort(columns);
  for (size_t i = 0; i < columns.size(); ++i) {
    if (columns[i] != static_cast<int64_t>(i)) return false;
  }
  return true;
}

TEST(AssignmentTest, CostsAsLittleAsSciPysDoes) {
  std::ifstream file(std::filesystem::path(ALIGNFLOW_TEST_DATA) / "flow" / "assignments.json");
  const nlohmann::json cases = nlohmann::json::parse(file).at("cases");
  ASSERT_GE(cases.size(), 30u);
  for (const nlohmann::json& one : cases) {
    const std::vector<double> costs = Costs(one.at("size"), one.at("modulus"));
    const std::vector<int64_t> columns = LeastAssignment(costs, one.at("size"));
    EXPECT_TRUE(IsPermutation(columns)) << one;
    EXPECT_EQ(SumOf(costs, columns), one.at("least").get<double>()) << one;
  }
}

TEST(AssignmentTest, NoOtherAssignmentCostsLess) {
  for (int64_t modulus = 2; modulus < 60; ++modulus) {
    constexpr int64_t kSize = 5;
    std::vector<double> costs = Costs(kSize, modulus);
    for (double& cost : costs) cost = -std::sqrt(cost) * 1e3;  // negative and not whole ones, too
    const double found = SumOf(costs, LeastAssignment(costs, kSize));
    std::vector<int64_t> columns(kSize);
    std::iota(columns.begin(), columns.end(), 0);
    double least = std::numeric_limits<double>::infinity();
    do {
      least = std::min(least, SumOf(costs, columns));
    } while (std::next_permutation(columns.begin(), columns.end()));
    EXPECT_NEAR(found, least, 1e-9) << modulus;
  }
}

TEST(AssignmentTest, NothingIsAssignedToNothing) { EXPECT_TRUE(LeastAssignment({}, 0).empty()); }

TEST(AssignmentTest, RefusesWhatIsNoMatrixOfCosts) {
  const std::vector<double> costs = {1, 2, 3, std::numeric_limits<double>::quiet_NaN()};
  EXPECT_THROW(LeastAssignment(costs, 2), std::invalid_argument);
  EXPECT_THROW(LeastAssignment(std::span(costs).first(3), 2), std::invalid_argument);
}

}  // namespace
}  // namespace alignflow
