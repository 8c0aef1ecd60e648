#include "common/data/image_rule.h"

#include "tests/worker/data/format_kinds.h"

namespace alignflow {
namespace {

ImageHeader Header(int width, int height, int orientation) {
  ImageHeader header;
  header.width = width;
  header.height = height;
  header.channels = 1;
  header.bits = 8;
  header.orientation = orientation;
  return header;
}

TEST(JudgePairTest, AMaskOfAnotherSizeIsRefusedWithBothSizes) {
  ExpectRefused(JudgePair(Header(8, 6, 1), Header(8, 7, 1)).status(),
                {"the mask is 8x7", "its image 8x6", "nearest neighbour"});
}

TEST(JudgePairTest, AnImageTurnedAloneIsTheReasonThatIsTold) {
  ExpectRefused(JudgePair(Header(20, 30, 6), Header(30, 20, 1)).status(),
                {"20x30", "30x20 as stored", "the image is turned by its EXIF orientation",
                 "the mask is not", "exiftool"});
}

TEST(JudgePairTest, AMaskTurnedAloneIsTheReasonThatIsTold) {
  ExpectRefused(JudgePair(Header(30, 20, 1), Header(20, 30, 8)).status(),
                {"the mask is turned by its EXIF orientation and the image is not"});
}

TEST(JudgePairTest, AHalfTurnOfOneFileAloneFitsAndIsNoted) {
  const auto notes = JudgePair(Header(20, 20, 3), Header(20, 20, 1));
  ASSERT_TRUE(notes.ok()) << notes.status();
  EXPECT_TRUE(notes->test(static_cast<size_t>(ReadNote::kTurnedAlone)));
  EXPECT_TRUE(JudgePair(Header(20, 20, 3), Header(20, 20, 3))->none());
}

TEST(NoteTallyTest, SentencesCountFilesByRole) {
  NoteTally tally;
  ReadNotes turned;
  turned.set(static_cast<size_t>(ReadNote::kTurned));
  tally.Add(FileRole::kImage, turned);
  tally.Add(FileRole::kMask, turned);
  tally.Add(FileRole::kMask, turned);
  EXPECT_THAT(tally.Sentences(),
              testing::ElementsAre("1 image: turned as the EXIF orientation says",
                                   "2 masks: turned as the EXIF orientation says"));
}

TEST(JudgeHeaderTest, EveryRefusalHasARemedy) {
  for (const FormatKind& kind : AllFormatKinds()) {
    for (const std::string& file : {kind.image(), kind.mask()}) {
      const absl::Status status = ProbeFile(file, FileRole::kImage).status();
      if (!status.ok()) ExpectRefused(status, {"; "});
    }
  }
}

}  // namespace
}  // namespace alignflow
