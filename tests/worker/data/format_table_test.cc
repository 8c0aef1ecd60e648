// Holds docs/data.md's table of formats to the truth: a small file of every kind goes through the
// rule and the decoder.
#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "tests/worker/data/format_kinds.h"
#include "worker/data/image_decode.h"

namespace alignflow {
namespace {

constexpr char kBegin[] = "<!-- formats: begin -->\n", kEnd[] = "<!-- formats: end -->\n";

std::string Cell(const absl::StatusOr<DecodedFile>& file) {
  if (!file.ok()) {
    const std::string message(file.status().message());
    return absl::StrCat("refused: ", message.substr(message.find(": ") + 2));
  }
  std::string words;
  for (size_t note = 0; note < kReadNotes; ++note) {
    if (!file->notes.test(note)) continue;
    absl::StrAppend(&words, words.empty() ? ": " : "; ",
                    std::string(NoteWords(static_cast<ReadNote>(note))));
  }
  return "read" + words;
}

std::string RenderedTable() {
  std::string table = "| file | as an image | as a mask |\n| --- | --- | --- |\n";
  for (const FormatKind& kind : AllFormatKinds()) {
    const std::string image = kind.image(), mask = kind.mask();
    const absl::StatusOr<DecodedFile> as_image = ReadImage(image, "file");
    const absl::StatusOr<DecodedFile> as_mask = ReadMask(mask, "file");
    EXPECT_EQ(ProbeFile(image, FileRole::kImage).ok(), as_image.ok())
        << kind.name << ": an image that is whole is read or refused by its header alone";
    EXPECT_TRUE(ProbeFile(mask, FileRole::kMask).ok() || !as_mask.ok()) << kind.name;
    const std::string first = Cell(as_image), second = Cell(as_mask);
    const bool likewise = first == second && !as_image.ok();
    absl::StrAppend(&table, "| ", kind.name, " | ", first, " | ",
                    likewise ? "refused likewise" : second, " |\n");
  }
  return table;
}

TEST(FormatTableTest, TheTableInTheDocsIsWhatTheProgramsDo) {
  const std::filesystem::path path =
      std::filesystem::path(ALIGNFLOW_TEST_DATA) / "../../docs/data.md";
  std::string text = ReadAll(path);
  const size_t begin = text.find(kBegin) + sizeof(kBegin) - 1, end = text.find(kEnd);
  ASSERT_LE(begin, end) << path << " has lost the marks around the table";
  const std::string table = RenderedTable();
  if (std::getenv("ALIGNFLOW_UPDATE_DOCS") != nullptr) {
    std::ofstream(path, std::ios::binary) << text.replace(begin, end - begin, table);
    return;
  }
  EXPECT_EQ(text.substr(begin, end - begin), table)
      << "to write the table anew: ALIGNFLOW_UPDATE_DOCS=1 build/bin/data_test "
         "--gtest_filter='FormatTableTest.*'";
}

}  // namespace
}  // namespace alignflow
