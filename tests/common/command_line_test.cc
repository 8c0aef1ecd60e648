#include "common/command_line.h"

#include <CLI/CLI.hpp>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace alignflow {
namespace {

using testing::HasSubstr;

class CommandLineTest : public testing::Test {
 protected:
  CommandLineTest() {
    app_.add_option("--server", server_)->type_name("HOST:PORT");
    app_.add_option("--models", models_)->type_name("FOLDER")->check(CLI::ExistingDirectory);
    app_.require_subcommand(1);
    app_.fallthrough();
    CLI::App* job = app_.add_subcommand("job", "");
    job->require_subcommand(1);
    CLI::App* get = job->add_subcommand("get", "");
    get->add_option("name", name_, "as the list prints it")->required();
    get->add_option("--pairs", pairs_)->type_name("N")->required();
    job->add_subcommand("watch", "");
    RefuseEmptyValues(app_);
  }

  // What is said of the arguments; empty if they are good.
  std::string Usage(std::vector<std::string> arguments) {
    try {
      app_.clear();
      std::reverse(arguments.begin(), arguments.end());
      app_.parse(arguments);
      return "";
    } catch (const CLI::ParseError& error) {
      return DescribeUsageError(app_, error);
    }
  }

  CLI::App app_{"", "program"};
  std::string server_, models_, name_;
  int pairs_ = 0;
};

TEST_F(CommandLineTest, GoodArgumentsAreTaken) {
  EXPECT_EQ(Usage({"job", "get", "a", "--pairs", "3", "--server", "x"}), "");
}

TEST_F(CommandLineTest, UnknownOptionsAndCommandsGetTheNearest) {
  EXPECT_EQ(Usage({"jobs"}), "program has no command 'jobs'; did you mean job?");
  EXPECT_EQ(Usage({"job", "wacht"}), "program job has no command 'wacht'; did you mean watch?");
  EXPECT_EQ(Usage({"job", "get", "a", "--pair=3"}),
            "program job get has no option --pair; did you mean --pairs?");
  EXPECT_EQ(Usage({"job", "get", "a", "--pairs", "3", "--sever", "x"}),
            "program job get has no option --sever; did you mean --server?");
  EXPECT_THAT(Usage({"job", "watch", "a"}), HasSubstr("'a' is one argument too many"));
}

TEST_F(CommandLineTest, AllThatIsMissingIsNamed) {
  EXPECT_EQ(Usage({"job", "get"}),
            "program job get: missing: name (as the list prints it), --pairs N");
  EXPECT_EQ(Usage({"job"}), "program job: say which: get, watch");
  EXPECT_EQ(Usage({}), "program: say which: job");
}

TEST_F(CommandLineTest, EmptyValuesAreRefusedWithWhatToGive) {
  EXPECT_THAT(Usage({"job", "get", "a", "--pairs", "3", "--server", ""}),
              HasSubstr("--server: must not be empty; give HOST:PORT"));
  EXPECT_THAT(Usage({"job", "get", "a", "--pairs", "3", "--server="}), HasSubstr("--server"));
  EXPECT_THAT(Usage({"job", "get", "a", "--pairs", "3", "--models", ""}),
              HasSubstr("--models: must not be empty; give FOLDER"));
  EXPECT_THAT(Usage({"job", "get", "", "--pairs", "3"}), HasSubstr("must not be empty"));
}

TEST_F(CommandLineTest, WhatIsNoNumberIsNamed) {
  EXPECT_THAT(Usage({"job", "get", "a", "--pairs", "three"}),
              HasSubstr("--pairs = three: not a valid number"));
}

TEST_F(CommandLineTest, HelpIsThatOfTheCommandInUse) {
  Usage({"job", "get"});
  EXPECT_EQ(HelpCommand(app_), "`program job get --help`");
}

}  // namespace
}  // namespace alignflow
