#include "common/data/manifest.h"

#include "tests/worker/data/test_images.h"

namespace alignflow {
namespace {

using testing::HasSubstr;

const std::string kA(64, 'a'), kB(64, 'b');

DatasetManifest Dataset() {
  DatasetManifest manifest;
  manifest.labels = *LabelTable::Parse("cup=0,disc=128");
  manifest.items = {{"000002", kA, kB, 64, 32}, {"000001", kB, kA, 64, 64}};
  return manifest;
}

std::string Replaced(std::string text, const std::string& from, const std::string& to) {
  const size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

TEST(ManifestTest, CanonicalFormIsWhatPythonWritesWithSortedKeys) {
  EXPECT_EQ(*WriteManifest(Dataset()),
            "{\"background\":255,\"items\":[{\"height\":64,\"image\":\"" + kB + "\",\"mask\":\"" +
                kA + "\",\"name\":\"000001\",\"width\":64},{\"height\":32,\"image\":\"" + kA +
                "\",\"mask\":\"" + kB +
                "\",\"name\":\"000002\",\"width\":64}],\"kind\":\"dataset\",\"labels\":[{\"name\":"
                "\"cup\","
                "\"value\":0},{\"name\":\"disc\",\"value\":128}]}");
}

TEST(ManifestTest, VolumesHaveADepthAndPicturesNone) {
  DatasetManifest manifest{DatasetKind::kReferences, {}, {{"a", kA, "", 8, 9, 5}}};
  const auto json = WriteManifest(manifest);
  ASSERT_TRUE(json.ok()) << json.status();
  EXPECT_EQ(*json, "{\"items\":[{\"depth\":5,\"height\":9,\"image\":\"" + kA +
                       "\",\"name\":\"a\",\"width\":8}],\"kind\":\"references\"}");
  const auto read = ParseManifest(*json);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_TRUE(read->volumes());
  EXPECT_EQ(*read, manifest);
  manifest.items.push_back({"b", kB, "", 8, 9});
  EXPECT_THAT(std::string(WriteManifest(manifest).status().message()),
              HasSubstr("others are pictures"));
}

TEST(ManifestTest, ReferencesHaveNeitherMasksNorLabels) {
  DatasetManifest manifest{DatasetKind::kReferences, {}, {{"r\xc3\xa9", kA, "", 8, 9}}};
  const auto json = WriteManifest(manifest);
  ASSERT_TRUE(json.ok()) << json.status();
  EXPECT_EQ(*json, "{\"items\":[{\"height\":9,\"image\":\"" + kA +
                       "\",\"name\":\"r\\u00e9\",\"width\":8}],\"kind\":\"references\"}");
  EXPECT_EQ(*ParseManifest(*json), manifest);
}

TEST(ManifestTest, ParsingGivesBackWhatWasWritten) {
  const auto parsed = ParseManifest(*WriteManifest(Dataset()));
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->items.front().name, "000001");
  EXPECT_EQ(parsed->labels.ToString(), "cup=0,disc=128,background=255");
  EXPECT_EQ(*WriteManifest(*parsed), *WriteManifest(Dataset()));
}

TEST(ManifestTest, ColoursAndSampleBitsAreWrittenOnlyWhereThereAreAny) {
  DatasetManifest manifest = Dataset();
  manifest.labels = *LabelTable::Parse("polyp=#ff0000,background=#000000");
  manifest.sample_bits = 12;
  const std::string json = *WriteManifest(manifest);
  EXPECT_THAT(
      json, testing::StartsWith("{\"background\":0,\"background_colour\":\"#000000\",\"items\":["));
  EXPECT_THAT(json, testing::EndsWith("],\"kind\":\"dataset\",\"labels\":[{\"colour\":\"#ff0000\","
                                      "\"name\":\"polyp\",\"value\":1}],\"sample_bits\":12}"));
  const auto parsed = ParseManifest(json);
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->labels, manifest.labels);
  EXPECT_EQ(parsed->sample_bits, 12);
  for (const auto& [from, to] : {std::pair("\"sample_bits\":12", "\"sample_bits\":17"),
                                 {"\"sample_bits\":12", "\"sample_bits\":0"},
                                 {"\"sample_bits\":12", "\"sample_bits\":16"},
                                 {"#ff0000", "#FF0000"},
                                 {"#ff0000", "#ff00"},
                                 {"\"value\":1", "\"value\":2"},
                                 {"\"background_colour\":\"#000000\",", ""}}) {
    EXPECT_FALSE(ParseManifest(Replaced(json, from, to)).ok()) << to;
  }
}

TEST(ManifestTest, GroupsAreWrittenOnlyWhereTheyAreGiven) {
  DatasetManifest manifest = Dataset();
  const std::string plain = *WriteManifest(manifest);
  EXPECT_THAT(plain, testing::Not(HasSubstr("group")));
  manifest.items[0].group = "p\xc3\xa9 2";
  EXPECT_THAT(std::string(WriteManifest(manifest).status().message()),
              HasSubstr("a group is given for every item or for none"));
  manifest.items[1].group = "p1";
  const std::string json = *WriteManifest(manifest);
  EXPECT_THAT(json, HasSubstr("[{\"group\":\"p1\",\"height\":64,"));
  EXPECT_THAT(json, HasSubstr(",{\"group\":\"p\\u00e9 2\",\"height\":32,"));
  const auto parsed = ParseManifest(json);
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->items[1].group, "p\xc3\xa9 2");
  EXPECT_FALSE(ParseManifest(Replaced(json, "\"group\":\"p1\",", "")).ok());
  EXPECT_FALSE(ParseManifest(Replaced(json, "\"p1\"", "\"\"")).ok());
  EXPECT_FALSE(ParseManifest(Replaced(json, "\"p1\"", "1")).ok());
  for (const std::string& group :
       {std::string("a\nb"), std::string("\xff"), std::string(201, 'a')}) {
    manifest.items[0].group = group;
    EXPECT_FALSE(WriteManifest(manifest).ok()) << group;
  }
}

TEST(ManifestTest, ClassesAreWrittenOnlyWhereTheyAreGiven) {
  DatasetManifest manifest = Dataset();
  EXPECT_THAT(*WriteManifest(manifest), testing::Not(HasSubstr("class")));
  manifest.items[0].image_class = "serrated";
  EXPECT_THAT(std::string(WriteManifest(manifest).status().message()),
              HasSubstr("a class is given for every item or for none"));
  manifest.items[1].image_class = "adenoma";
  manifest.items[0].group = manifest.items[1].group = "p1";
  const std::string json = *WriteManifest(manifest);
  EXPECT_THAT(json, HasSubstr("[{\"class\":\"adenoma\",\"group\":\"p1\","));
  const auto parsed = ParseManifest(json);
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->items[0].image_class, "adenoma");
  EXPECT_FALSE(ParseManifest(Replaced(json, "\"adenoma\"", "\"\"")).ok());
  for (size_t i = manifest.items.size(); i <= kMostImageClasses; ++i) {
    manifest.items.push_back(manifest.items[0]);
    manifest.items.back().name = absl::StrCat("more-", i);
    manifest.items.back().image_class = absl::StrCat("class-", i);
  }
  EXPECT_THAT(std::string(WriteManifest(manifest).status().message()), HasSubstr("at most 64"));
}

TEST(ManifestTest, ReferencesHaveSampleBitsOfTheirOwn) {
  DatasetManifest manifest{DatasetKind::kReferences, {}, {{"r", kA, "", 8, 9}}, 10};
  const auto json = WriteManifest(manifest);
  ASSERT_TRUE(json.ok()) << json.status();
  EXPECT_THAT(*json, testing::EndsWith("\"kind\":\"references\",\"sample_bits\":10}"));
  EXPECT_EQ(*ParseManifest(*json), manifest);
}

TEST(ManifestTest, OneDatasetHasOneByteSequence) {
  const std::string json = *WriteManifest(Dataset());
  for (const std::string& other :
       {Replaced(json, ",\"kind\"", ", \"kind\""), json + "\n",
        Replaced(json, "000001", "\\u003000001"),
        Replaced(json, "\"background\":255", "\"background\":3,\"background\":255"),
        Replaced(Replaced(json, "\"background\":255,", ""), "\"kind\":\"dataset\"",
                 "\"background\":255,\"kind\":\"dataset\"")}) {
    ExpectRefused(ParseManifest(other).status(), {"canonical", "sort_keys=True"});
  }
}

struct BadManifest {
  const char* from;
  const char* to;
  const char* reason;
};
class ManifestErrorTest : public testing::TestWithParam<BadManifest> {};

TEST_P(ManifestErrorTest, IsRefusedWithItsReason) {
  const auto& [from, to, reason] = GetParam();
  ExpectRefused(ParseManifest(Replaced(*WriteManifest(Dataset()), from, to)).status(),
                {"manifest", reason});
}

INSTANTIATE_TEST_SUITE_P(
    All, ManifestErrorTest,
    testing::Values(
        BadManifest{"{", "{{", "not JSON"}, BadManifest{"]}", "", "not JSON"},
        BadManifest{"]}", "]}{}", "not JSON"}, BadManifest{"\"dataset\"", "\"images\"", "kind"},
        BadManifest{"\"dataset\"", "null", "null"}, BadManifest{"\"dataset\"", "7", "a number"},
        BadManifest{"\"background\":255", "\"extra\":255", "a number does not belong"},
        BadManifest{"\"background\":255,", "", "background is missing"},
        BadManifest{"\"background\":255", "\"background\":0", "same value"},
        BadManifest{"\"background\":255", "\"background\":256", "between 0 and 255"},
        BadManifest{"\"width\":64", "\"width\":0", "width and height"},
        BadManifest{"\"width\":64", "\"width\":-1", "negative"},
        BadManifest{"\"width\":64", "\"width\":6.4", "fractional"},
        BadManifest{"\"width\":64", "\"width\":65536", "width and height"},
        BadManifest{"\"width\":64", "\"width\":99999999999999999999", "fractional"},
        BadManifest{"\"width\":64", "\"length\":64", "a number does not belong in item 1"},
        BadManifest{"\"width\":64", "\"width\":[[[[1]]]]", "a list does not belong in item 1"},
        BadManifest{"\"width\":64", "\"width\":{}", "an object"},
        BadManifest{"aaaa", "AAAA", "64 hexadecimal"}, BadManifest{"aaaa", "aaa", "64 hexadecimal"},
        BadManifest{"\"name\":\"000001\"", "\"name\":\"000002\"", "sorted by name"},
        BadManifest{"\"name\":\"000001\"", "\"name\":\"../x\"", "starts with a dot"},
        BadManifest{"\"name\":\"000001\"", "\"name\":\"a/b\"", "separator"},
        BadManifest{"\"name\":\"000001\"", "\"name\":\"\"", "is empty"},
        BadManifest{"\"name\":\"cup\"", "\"name\":\"Cup\"", "a-z"},
        BadManifest{"\"mask\"", "\"musk\"", "a text does not belong"}));

TEST(ManifestTest, EmptyManifestIsRefused) {
  ExpectRefused(ParseManifest("{\"items\":[],\"kind\":\"references\"}").status(), {"no items"});
  ExpectRefused(ParseManifest("").status(), {"not JSON"});
  ExpectRefused(ParseManifest("[]").status(), {"a list"});
  ExpectRefused(ParseManifest("3").status(), {"a number"});
}

TEST(ManifestTest, ReferencesWithMasksOrLabelsAreRefused) {
  const std::string json = Replaced(*WriteManifest(Dataset()), "\"dataset\"", "\"references\"");
  EXPECT_FALSE(ParseManifest(json).ok());
  DatasetManifest manifest{DatasetKind::kReferences, {}, {{"r", kA, kB, 8, 8}}};
  ExpectRefused(WriteManifest(manifest).status(), {"no masks"});
}

TEST(ManifestTest, DeepNestingCostsNothing) {
  // Would be gigabytes of values in a document tree; is refused at the second bracket.
  ExpectRefused(ParseManifest(std::string(50 << 20, '[')).status(), {"a list"});
  ExpectRefused(ParseManifest("{\"items\":[" + std::string(1 << 20, '[')).status(), {"a list"});
}

TEST(ManifestTest, AnotherPartysTextIsQuotedShortAndEscaped) {
  const absl::Status status = ParseManifest("{\"" + std::string(5000, 'k') + "\\n\":1}").status();
  EXPECT_LT(status.message().size(), 200u);
  ExpectRefused(ParseManifest("{\"\\u001b[31m\":1}").status(), {"\\u001b"});
}

TEST(ManifestTest, EveryTruncationIsRefused) {
  const std::string json = *WriteManifest(Dataset());
  for (size_t length = 0; length < json.size(); ++length) {
    EXPECT_FALSE(ParseManifest(std::string_view(json).substr(0, length)).ok()) << length;
  }
}

TEST(ItemNameTest, OrdinaryNamesAreAccepted) {
  for (const char* name :
       {"000001", "seq01_frame018", "a b", "x.y", "\xc3\xa9t\xc3\xa9", "\xf0\x9f\x91\x81"}) {
    EXPECT_TRUE(CheckItemName(name).ok()) << name;
  }
  EXPECT_TRUE(CheckItemName(std::string(200, 'n')).ok());
}

TEST(ItemNameTest, UnsafeNamesAreRefused) {
  for (const std::string& name :
       {std::string(), std::string("."), std::string(".."), std::string("a..b"), std::string("a/b"),
        std::string("a\\b"), std::string("c:x"), std::string("a\nb"), std::string("a\0b", 3),
        std::string("\x7f"), std::string("\xff"), std::string("\xc0\xaf"),
        std::string("\xed\xa0\x80"), std::string("\xe2\x82"), std::string("\xf5\x80\x80\x80"),
        std::string(201, 'n')}) {
    ExpectRefused(CheckItemName(name), {"rename it"});
  }
}

}  // namespace
}  // namespace alignflow
