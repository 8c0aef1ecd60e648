#include "worker/models/hf/config.h"

#include <gmock/gmock.h>

#include <functional>

#include "tests/common/temp_folder.h"

namespace alignflow {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

std::string ConfigErrorOf(const std::function<void()>& action) {
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
  EXPECT_EQ(ConfigErrorOf([&] { config.Finish(HfFile::kModel); }), "");
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
    EXPECT_THAT(ConfigErrorOf(action), AllOf(HasSubstr("some.json"), HasSubstr("'" + name + "'")));
  }
}

TEST(HfConfigTest, RequireRefusesEveryOtherValueAndSaysWhichIsSupported) {
  HfConfig config = Make(R"({"act": "gelu", "flag": false, "scale": 2.0, "gone": null})");
  config.Require("flag", false);
  config.Require("scale", 2.0);
  config.Require("gone", nullptr);
  config.Require("absent", "x");
  EXPECT_THAT(ConfigErrorOf([&] { config.Require("act", "silu"); }),
              AllOf(HasSubstr("some.json"), HasSubstr("'act'"), HasSubstr("\"gelu\""),
                    HasSubstr("\"silu\"")));
  EXPECT_NE(ConfigErrorOf([&] { config.Require("gone", 1.0); }), "");
  EXPECT_THAT(ConfigErrorOf([&] { config.OneOf("act", {"silu", "relu"}); }), HasSubstr("relu"));
}

TEST(HfConfigTest, FinishListsEveryFieldThatNobodyReadWithItsValue) {
  HfConfig config = Make(R"({"read": 1, "_class_name": "X", "architectures": ["X"], "dtype": "f",
                             "transformers_version": "5", "one": 1, "two": {"three": 3},
                             "nested": {"seen": 1, "unseen": 2}, "list": [{}, {"more": 4}]})");
  config.Int("read");
  config.Object("nested").Int("seen");
  EXPECT_EQ(config.Objects("list").size(), 2U);
  const std::string error = ConfigErrorOf([&] { config.Finish(HfFile::kModel); });
  EXPECT_THAT(error, AllOf(HasSubstr("some.json"), HasSubstr("'one' is 1"),
                           HasSubstr("'two' is {\"three\":3}"), HasSubstr("'nested.unseen' is 2"),
                           HasSubstr("'list[1].more' is 4"), HasSubstr("set them to null")));
  EXPECT_THAT(error, testing::Not(HasSubstr("_class_name")));
  config.WithoutEffect({"one", "two"});
  config.Object("nested").WithoutEffect({"unseen"});
  config.Objects("list")[1]->WithoutEffect({"more"});
  EXPECT_EQ(ConfigErrorOf([&] { config.Finish(HfFile::kModel); }), "");
}

// A release that we don't know adds a field: it is left aside where it asks for nothing.
TEST(HfConfigTest, UnknownFieldsAreLeftAsideOnlyWhereTheyAskForNothing) {
  const auto error_of = [](const std::string& value, HfFile kind) {
    HfConfig config = Make(R"({"field_of_tomorrow": )" + value + "}");
    return ConfigErrorOf([&] { config.Finish(kind); });
  };
  for (const HfFile kind : {HfFile::kModel, HfFile::kScheduler, HfFile::kPipeline,
                            HfFile::kImageProcessor, HfFile::kTokenizer}) {
    for (const char* nothing : {"null", "false", "\"\"", "[]", "{}", "[null, null]"}) {
      EXPECT_EQ(error_of(nothing, kind), "") << nothing;
    }
    for (const char* something : {"true", "0", "1.5", "\"x\"", "[null, 0]", "{\"a\": null}"}) {
      EXPECT_THAT(error_of(something, kind), HasSubstr("'field_of_tomorrow'")) << something;
    }
  }
  EXPECT_EQ(error_of("true", HfFile::kTokenizerNotes), "");
}

TEST(HfConfigTest, WhatIsLeftAsideDependsOnTheKindOfFile) {
  const auto error_of = [](const std::string& field, HfFile kind) {
    HfConfig config = Make(R"({")" + field + R"(": 0.5})");
    return ConfigErrorOf([&] { config.Finish(kind); });
  };
  for (const char* name : {"attention_dropout", "hidden_dropout_prob", "dropout_rate",
                           "drop_path_rate", "id2label", "temperature", "optimization_step"}) {
    EXPECT_EQ(error_of(name, HfFile::kModel), "") << name;
    EXPECT_NE(error_of(name, HfFile::kImageProcessor), "") << name;
  }
  EXPECT_EQ(error_of("beta_start", HfFile::kScheduler), "");
  EXPECT_NE(error_of("beta_start", HfFile::kModel), "");
  EXPECT_NE(error_of("rope_theta", HfFile::kModel), "");
}

TEST(HfConfigTest, DamagedFilesAreRefusedWithTheirPlaceAndRemedy) {
  EXPECT_THAT(ConfigErrorOf([] { Make("{\"a\": 1,\n  \"b\": }"); }),
              AllOf(HasSubstr("some.json"), HasSubstr("line 2, column 8"), HasSubstr("again")));
  EXPECT_THAT(
      ConfigErrorOf([] { Make("version https://git-lfs.github.com/spec/v1\noid sha256:0\n"); }),
      HasSubstr("git lfs pull"));
  std::string deep = "{\"a\": ";
  deep += std::string(100000, '[') + std::string(100000, ']') + "}";
  EXPECT_THAT(ConfigErrorOf([&] { Make(deep); }), HasSubstr("nested"));
}

TEST(HfConfigTest, FilesThatAreNoObjectAreRefusedByName) {
  const TempFolder folder;
  const auto file = folder.path() / "config.json";
  EXPECT_THAT(ConfigErrorOf([&] { HfConfig config(file); }), HasSubstr(file.string()));
  for (const char* text : {"", "[]", "{", "3", "{\"a\": 1} x", "\xff"}) {
    WriteFile(file, text);
    EXPECT_THAT(ConfigErrorOf([&] { HfConfig config(file); }), HasSubstr(file.string())) << text;
  }
  WriteFile(file, std::string(100000, '['));
  EXPECT_THAT(ConfigErrorOf([&] { HfConfig config(file); }), HasSubstr(file.string()));
  WriteFile(file, R"({"a": 1})");
  EXPECT_EQ(HfConfig(file).Int("a"), 1);
}

}  // namespace
}  // namespace alignflow
