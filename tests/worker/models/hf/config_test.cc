#include "worker/models/hf/config.h"

#include <gmock/gmock.h>

#include <functional>

#include "tests/common/temp_folder.h"

namespace alignflow {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

std::string ErrorOf(const std::function<void()>& action) {
  try {
    action();
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "";
}

HfConfig Make(const std::string& text) { return HfConfig::FromText(text, "some.json"); }

TEST(HfConfigTest, GettersReadTheirTypesAndNullIsAbsent) {
  HfConfig config = Make(R"({"i": 3, "d": 0.5, "b": true, "s": "x", "l": [1, 2], "n": null,
                             "f": [1, 0.5], "t": ["a"], "nn": [null, null]})");
  EXPECT_EQ(config.Int("i"), 3);
  EXPECT_EQ(config.Double("i"), 3.0);
  EXPECT_EQ(config.Double("d", 1.0), 0.5);
  EXPECT_TRUE(config.Bool("b", false));
  EXPECT_EQ(config.String("s"), "x");
  EXPECT_THAT(config.IntList("l"), ElementsAre(1, 2));
  EXPECT_THAT(config.DoubleList("f"), ElementsAre(1.0, 0.5));
  EXPECT_THAT(config.StringList("t"), ElementsAre("a"));
  EXPECT_EQ(config.Int("n", 7), 7);
  EXPECT_EQ(config.Int("absent", 8), 8);
  EXPECT_TRUE(config.NullableStringList("nn").empty());
  EXPECT_FALSE(config.Has("n"));
  EXPECT_EQ(ErrorOf([&] { config.Finish(); }), "");
}

TEST(HfConfigTest, WrongTypesAndMissingFieldsAreRefusedByFileAndName) {
  HfConfig config = Make(R"({"i": 3.5, "b": 1, "s": 2, "l": [1, "2"], "big": 1e300,
                             "huge": 18446744073709551615})");
  for (const auto& [name, action] :
       std::map<std::string, std::function<void()>>{{"i", [&] { config.Int("i"); }},
                                                    {"b", [&] { config.Bool("b"); }},
                                                    {"s", [&] { config.String("s", ""); }},
                                                    {"l", [&] { config.IntList("l"); }},
                                                    {"big", [&] { config.Int("big"); }},
                                                    {"huge", [&] { config.Int("huge"); }},
                                                    {"absent", [&] { config.Int("absent"); }}}) {
    EXPECT_THAT(ErrorOf(action), AllOf(HasSubstr("some.json"), HasSubstr("'" + name + "'")));
  }
}

TEST(HfConfigTest, RequireRefusesEveryOtherValueAndSaysWhichIsSupported) {
  HfConfig config = Make(R"({"act": "gelu", "flag": false, "scale": 2.0, "gone": null})");
  config.Require("flag", false);
  config.Require("scale", 2.0);
  config.Require("gone", nullptr);
  config.Require("absent", "x");
  EXPECT_THAT(ErrorOf([&] { config.Require("act", "silu"); }),
              AllOf(HasSubstr("some.json"), HasSubstr("'act'"), HasSubstr("\"gelu\""),
                    HasSubstr("\"silu\"")));
  EXPECT_NE(ErrorOf([&] { config.Require("gone", 1.0); }), "");
  EXPECT_THAT(ErrorOf([&] { config.OneOf("act", {"silu", "relu"}); }), HasSubstr("relu"));
}

TEST(HfConfigTest, FinishListsEveryFieldThatNobodyRead) {
  HfConfig config = Make(R"({"read": 1, "_class_name": "X", "architectures": ["X"], "dtype": "f",
                             "transformers_version": "5", "one": 1, "two": {"three": 3},
                             "nested": {"seen": 1, "unseen": 2}})");
  config.Int("read");
  config.Object("nested").Int("seen");
  const std::string error = ErrorOf([&] { config.Finish(); });
  EXPECT_THAT(error, AllOf(HasSubstr("some.json"), HasSubstr("'one'"), HasSubstr("'two'"),
                           HasSubstr("'nested.unseen'")));
  EXPECT_THAT(error, testing::Not(HasSubstr("_class_name")));
  config.WithoutEffect({"one", "two"});
  config.Object("nested").WithoutEffect({"unseen"});
  EXPECT_EQ(ErrorOf([&] { config.Finish(); }), "");
}

TEST(HfConfigTest, FilesThatAreNoObjectAreRefusedByName) {
  const TempFolder folder;
  const auto file = folder.path() / "config.json";
  EXPECT_THAT(ErrorOf([&] { HfConfig config(file); }), HasSubstr(file.string()));
  for (const char* text : {"", "[]", "{", "3", "{\"a\": 1} x", "\xff"}) {
    WriteFile(file, text);
    EXPECT_THAT(ErrorOf([&] { HfConfig config(file); }), HasSubstr(file.string())) << text;
  }
  WriteFile(file, std::string(100000, '['));
  EXPECT_THAT(ErrorOf([&] { HfConfig config(file); }), HasSubstr(file.string()));
  WriteFile(file, R"({"a": 1})");
  EXPECT_EQ(HfConfig(file).Int("a"), 1);
}

}  // namespace
}  // namespace alignflow
