#include "server/workflow/result_documents.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "common/digest.h"

namespace alignflow {
namespace {

// A pair's line whose record holds `levels` arrays within each other.
std::string Nested(size_t levels) {
  const std::string digest = Sha256OfString("image");
  return absl::StrCat(R"({"pair":1,"image":")", digest, R"(","mask":")", digest,
                      R"(","record":{"deep":)", std::string(levels, '['), std::string(levels, ']'),
                      "}}\n");
}

TEST(ResultDocumentsTest, AWorkerCannotExhaustTheStackByNesting) {
  const PairRange range{.first = 1, .last = 1};
  EXPECT_TRUE(ParsePairs(Nested(10), range).ok());
  EXPECT_EQ(ParsePairs(Nested(2'000'000), range).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_FALSE(ParseFigures(std::string(2'000'000, '[')).ok());
  EXPECT_FALSE(ParseMasks(std::string(2'000'000, '['), range).ok());
}

TEST(ResultDocumentsTest, ARecordIsKeptAsItIs) {
  const auto pairs = ParsePairs(Nested(2), {.first = 1, .last = 1});
  ASSERT_TRUE(pairs.ok()) << pairs.status();
  EXPECT_EQ(pairs->front().record_json, R"({"deep":[[]]})");
}

}  // namespace
}  // namespace alignflow
