#include "common/data/safetensors_header.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

namespace alignflow {
namespace {

std::string Entry(const std::string& name, const std::string& type, const std::string& shape,
                  int begin, int end) {
  return "\"" + name + R"(":{"dtype":")" + type + R"(","shape":)" + shape + ",\"data_offsets\":[" +
         std::to_string(begin) + "," + std::to_string(end) + "]}";
}

TEST(SafetensorsHeaderTest, ReadsNamesShapesAndMetadata) {
  const auto header = ParseSafetensorsHeader("{\"__metadata__\":{\"size\":\"64\"}," +
                                                 Entry("b", "F32", "[2,3]", 4, 28) + "," +
                                                 Entry("a", "U8", "[4]", 0, 4) + "}",
                                             28);
  ASSERT_TRUE(header.ok()) << header.status();
  EXPECT_EQ(header->metadata.at("size"), "64");
  EXPECT_EQ(header->tensors.at("b").shape, (std::vector<int64_t>{2, 3}));
  EXPECT_EQ(header->tensors.at("a").type, "U8");
}

TEST(SafetensorsHeaderTest, ReadsFilesThatOtherProgramsWrote) {
  int read = 0;
  for (const auto& file : std::filesystem::recursive_directory_iterator(ALIGNFLOW_TEST_DATA)) {
    if (file.path().extension() != ".safetensors") continue;
    std::ifstream in(file.path(), std::ios::binary);
    std::stringstream bytes;
    bytes << in.rdbuf();
    const std::string text = bytes.str();
    const auto size = static_cast<int64_t>(text.size());
    const auto length = SafetensorsHeaderLength(text.substr(0, 8), size);
    ASSERT_TRUE(length.ok()) << file.path();
    const auto header = ParseSafetensorsHeader(text.substr(8, *length), size - 8 - *length);
    EXPECT_TRUE(header.ok()) << file.path() << header.status();
    ++read;
  }
  EXPECT_GT(read, 5);
}

TEST(SafetensorsHeaderTest, RefusesWhatContradictsItself) {
  for (const std::string& header :
       {std::string("[]"), std::string("{"), "{" + Entry("a", "F32", "[2]", 0, 4) + "}",
        "{" + Entry("a", "F99", "[1]", 0, 8) + "}", "{" + Entry("a", "U8", "[8]", 4, 12) + "}",
        "{" + Entry("a", "U8", "[4]", 0, 4) + "}",
        "{" + Entry("a", "U8", "[6]", 0, 6) + "," + Entry("b", "U8", "[6]", 2, 8) + "}",
        "{" + Entry("a", "U8", "[8]", 0, 8) + "," + Entry("a", "U8", "[8]", 0, 8) + "}",
        "{" + Entry("a", "U8", "[-8]", 0, 8) + "}",
        "{" + Entry("a", "I64", "[4611686018427387904,4]", 0, 8) + "}"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ParseSafetensorsHeader(header, 8).status())) << header;
  }
  EXPECT_FALSE(SafetensorsHeaderLength("short", 5).ok());
  EXPECT_FALSE(SafetensorsHeaderLength(std::string(8, '\xff'), 1000).ok());
  EXPECT_FALSE(SafetensorsHeaderLength(std::string("\x09\0\0\0\0\0\0\0", 8), 16).ok());
}

}  // namespace
}  // namespace alignflow
