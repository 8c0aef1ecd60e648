// Holds the role table in docs/security.md to the one in the code.
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/access/roles.h"

namespace alignflow {
namespace {

std::string Methods(bool wanted(const MethodRule&)) {
  std::vector<std::string> names;
  for (const MethodRule& rule : MethodRules()) {
    if (!wanted(rule)) continue;
    names.push_back(absl::StrReplaceAll(std::string(rule.method), {{"/alignflow.v1.", ""}}));
    names.back() = absl::StrReplaceAll(names.back(), {{"/", "."}});
  }
  return absl::StrJoin(names, ", ");
}

// As it has to stand there.
std::string Table() {
  return absl::StrCat("| role | may call |\n| --- | --- |\n| viewer | ",
                      Methods([](const MethodRule& rule) { return rule.least == Role::kViewer; }),
                      " |\n| operator | also ",
                      Methods([](const MethodRule& rule) { return rule.least == Role::kOperator; }),
                      " |\n| admin | also ",
                      Methods([](const MethodRule& rule) { return rule.least == Role::kAdmin; }),
                      " |\n| worker | all of Workers, and ",
                      Methods([](const MethodRule& rule) { return rule.workers; }), " |\n");
}

TEST(DocumentedRolesTest, TheTableInTheDocumentsIsTheOneInTheCode) {
  const std::filesystem::path file =
      std::filesystem::path(ALIGNFLOW_TEST_DATA).parent_path().parent_path() / "docs" /
      "security.md";
  std::ifstream in(file);
  const std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  EXPECT_THAT(text, testing::HasSubstr(Table())) << "put this into " << file << ":\n" << Table();
}

}  // namespace
}  // namespace alignflow
