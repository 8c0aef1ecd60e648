#include "worker/figures/verdicts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>

namespace alignflow {
namespace {

// Findings of a job without fault.
JobFindings Faultless() {
  JobFindings found;
  found.alignment = {
      .source_distance = 4, .made_distance = 1, .gain = {2.5, 3.5}, .same_p_value = 0.002};
  found.diversity = {.share = 0.9};
  found.gates = {.ran = true,
                 .mask_agreement = 0.8,
                 .with_structures = 60,
                 .judged = 60,
                 .near_copies = 0,
                 .left_out_share = 0.05,
                 .restyled = 0};
  found.whole = DownstreamGain{
      .gain = {.value = 0.04, .interval = {0.01, 0.07}, .p_value = 0.01, .runs = 3, .groups = 60},
      .real = 0.5,
      .both = 0.54};
  for (const LeastNumber& row : LeastNumbersOfVerdicts()) {
    int64_t& enough = found.known[row.quantity];
    enough = std::max(enough, row.least);
  }
  found.target = "target";
  found.references = 10;
  found.diversity_needed = 0.6;
  found.mask_agreement_needed = 0.4;
  found.memorization_needed = 0.3;
  return found;
}

std::map<std::string, std::string> Verdicts(const JobFindings& found) {
  std::map<std::string, std::string> verdicts;
  for (const auto& verdict : nlohmann::json::parse(VerdictsJson(found))) {
    EXPECT_FALSE(verdict.at("reason").get<std::string>().empty());
    verdicts[verdict.at("name")] = verdict.at("verdict");
  }
  return verdicts;
}

TEST(FiguresVerdictsTest, AJobWithoutFaultIsGoodThroughout) {
  const std::map<std::string, std::string> verdicts = Verdicts(Faultless());
  EXPECT_EQ(verdicts.size(), 5u);
  for (const auto& [name, verdict] : verdicts) EXPECT_EQ(verdict, "good") << name;
}

TEST(FiguresVerdictsTest, WithOneLessThanTheTableSaysAVerdictIsNotMeasuredAndSaysWhatIsMissing) {
  for (const LeastNumber& row : LeastNumbersOfVerdicts()) {
    JobFindings found = Faultless();
    found.known[row.quantity] = row.least - 1;
    for (const auto& verdict : nlohmann::json::parse(VerdictsJson(found))) {
      if (verdict.at("name") != row.needed_by) continue;
      EXPECT_EQ(verdict.at("verdict"), "not measured") << row.needed_by;
      EXPECT_THAT(verdict.at("reason").get<std::string>(),
                  testing::HasSubstr("needs " + std::to_string(row.least)));
    }
  }
}

TEST(FiguresVerdictsTest, OneRunOfThreeStepsShowsNoGain) {
  JobFindings found = Faultless();
  found.whole->gain.interval = {0.1, 0.2};
  found.whole->gain.p_value = 0.001;
  found.known[Quantity::kRuns] = 1;
  found.known[Quantity::kRunSteps] = 3;
  EXPECT_EQ(Verdicts(found)["downstream"], "not measured");
}

TEST(FiguresVerdictsTest, ACopyThatWasFoundCountsHoweverFewWereLookedAt) {
  JobFindings found = Faultless();
  found.gates.near_copies = 1;
  found.known[Quantity::kPairs] = 1;
  EXPECT_EQ(Verdicts(found)["memorization"], "poor");
}

TEST(FiguresVerdictsTest, DiversityWithoutAYardstickSaysWhy) {
  JobFindings found = Faultless();
  found.diversity.share.reset();
  found.diversity.none = "the source images hardly differ";
  EXPECT_EQ(Verdicts(found)["diversity"], "not measured");
  EXPECT_THAT(VerdictsJson(found), testing::HasSubstr("the source images hardly differ"));
}

TEST(FiguresVerdictsTest, TheDocumentHasEveryLeastNumber) {
  std::ifstream stream(std::filesystem::path(ALIGNFLOW_TEST_DATA) / "../../docs/figures.md");
  const std::string document{std::istreambuf_iterator<char>(stream), {}};
  for (const LeastNumber& row : LeastNumbersOfVerdicts()) {
    const std::string line = "| " + std::string(row.needed_by) + " | " + std::to_string(row.least) +
                             " | " + std::string(QuantityName(row.quantity)) + " |";
    EXPECT_THAT(document, testing::HasSubstr(line));
  }
}

TEST(FiguresVerdictsTest, AlignmentIsGoodOnlyBeyondTheInterval) {
  JobFindings found = Faultless();
  found.alignment.gain = {-0.1, 3.5};
  EXPECT_EQ(Verdicts(found)["alignment"], "poor");
  found.alignment.same_p_value = 0.4;
  EXPECT_EQ(Verdicts(found)["alignment"], "nothing to gain");
  found.alignment.made_distance.reset();
  EXPECT_EQ(Verdicts(found)["alignment"], "not measured");
}

TEST(FiguresVerdictsTest, AlignmentSaysWhichDistanceItRestsOn) {
  JobFindings found = Faultless();
  found.alignment.distance = "kd (efficientnet-lite2)";
  EXPECT_THAT(VerdictsJson(found),
              testing::HasSubstr("kd (efficientnet-lite2) to the target is 1"));
}

TEST(FiguresVerdictsTest, TooLittleDiversityIsPoor) {
  JobFindings found = Faultless();
  found.diversity.share = 0.59;
  EXPECT_EQ(Verdicts(found)["diversity"], "poor");
}

TEST(FiguresVerdictsTest, IgnoredMasksArePoorWhetherLeftOutOrHandedOut) {
  JobFindings found = Faultless();
  found.gates.left_out_share = 0.5;
  EXPECT_EQ(Verdicts(found)["mask agreement"], "poor");
  found = Faultless();
  found.gates.mask_agreement = 0.3;
  EXPECT_EQ(Verdicts(found)["mask agreement"], "poor");
}

TEST(FiguresVerdictsTest, NearCopiesArePoorUnlessTheyAreDeclared) {
  JobFindings found = Faultless();
  found.gates.near_copies = 3;
  EXPECT_EQ(Verdicts(found)["memorization"], "poor");
  found.gates.restyled = 60;
  EXPECT_EQ(Verdicts(found)["memorization"], "declared");
}

TEST(FiguresVerdictsTest, GatesThatDidNotRunAreNotMeasured) {
  JobFindings found = Faultless();
  found.gates = {};
  EXPECT_EQ(Verdicts(found)["mask agreement"], "not measured");
  EXPECT_EQ(Verdicts(found)["memorization"], "not measured");
}

TEST(FiguresVerdictsTest, AGainCountsOnlyWhereItsIntervalLeavesOutZero) {
  JobFindings found = Faultless();
  found.whole->gain.interval = {-0.01, 0.07};
  EXPECT_EQ(Verdicts(found)["downstream"], "no difference shown");
  found.whole->gain.interval = {-0.07, -0.01};
  EXPECT_EQ(Verdicts(found)["downstream"], "poor");
  found.whole.reset();
  EXPECT_EQ(Verdicts(found)["downstream"], "not measured");
}

TEST(FiguresVerdictsTest, TwoComparisonsAreCorrectedForTheirNumber) {
  JobFindings found = Faultless();
  found.views = found.whole;
  found.views_known = found.known;
  found.whole->gain.p_value = 0.03;
  found.views->gain.p_value = 0.2;
  found.views->gain.interval = {-0.01, 0.05};
  EXPECT_EQ(Verdicts(found)["downstream"], "no difference shown") << "0.06, corrected";
  found.views->gain.p_value = 0.04;
  found.views->gain.interval = {0.001, 0.05};
  EXPECT_EQ(Verdicts(found)["downstream on views"], "no difference shown");
  found.whole->gain.p_value = 0.02;
  EXPECT_EQ(Verdicts(found)["downstream"], "good");
  EXPECT_EQ(Verdicts(found)["downstream on views"], "good");
  found.views.reset();
  found.whole->gain.p_value = 0.04;
  EXPECT_EQ(Verdicts(found)["downstream"], "good") << "alone, nothing is corrected";
}

TEST(FiguresVerdictsTest, TheWayThatThisHospitalGainsMostFromIsNamed) {
  JobFindings found = Faultless();
  found.views = found.whole;
  found.views_known = found.known;
  found.views->real = 0.6;
  found.views->both = 0.58;
  found.views->gain.interval = {-0.05, 0.01};
  std::string reason;
  for (const auto& verdict : nlohmann::json::parse(VerdictsJson(found))) {
    if (verdict.at("name") == "downstream on views") reason = verdict.at("reason");
  }
  EXPECT_EQ(Verdicts(found)["downstream on views"], "no difference shown");
  EXPECT_THAT(reason, testing::HasSubstr("(`afctl view`) without pairs, mDice 60.0"));
}

}  // namespace
}  // namespace alignflow
