#include "server/figure_names.h"

#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "gtest/gtest.h"

namespace alignflow {
namespace {

// What stands in backquotes in the first column of the tables of figures.
std::vector<std::string> DefinedNames() {
  std::ifstream file(std::string(ALIGNFLOW_TEST_DATA) + "/../../docs/figures.md");
  std::vector<std::string> names;
  bool in_table = false;
  for (std::string line; std::getline(file, line);) {
    if (absl::StartsWith(line, "| name |")) in_table = true;
    if (!absl::StartsWith(line, "|")) in_table = false;
    if (!in_table) continue;
    const std::vector<std::string> cells = absl::StrSplit(line, '|');
    const std::vector<std::string> parts = absl::StrSplit(cells[1], '`');
    for (size_t i = 1; i < parts.size(); i += 2) names.push_back(parts[i]);
  }
  return names;
}

TEST(FigureNamesTest, EveryFigureThatTheDocumentDefinesIsKnownByItsName) {
  const std::vector<std::string> names = DefinedNames();
  EXPECT_GT(names.size(), 20u);
  for (const std::string& name : names) {
    const bool of_a_label = absl::StrContains(name, "CLASS");
    EXPECT_EQ(IsKnownFigure(name, "stage 2"), !of_a_label) << name;
    if (of_a_label || !absl::EndsWith(name, " to target")) continue;
    EXPECT_TRUE(IsKnownFigure(absl::StrReplaceAll(name, {{"target", "references"}}), "source"));
  }
}

TEST(FigureNamesTest, TextOfUsersIsNotKnown) {
  EXPECT_FALSE(IsKnownFigure("dice of polyp on target (percent)", "real only"));
  EXPECT_FALSE(IsKnownFigure("mmd to target", "datasets/polyps"));
  EXPECT_FALSE(IsKnownFigure("", ""));
}

}  // namespace
}  // namespace alignflow
