#include "client/text_table.h"

#include <gtest/gtest.h>

#include "client/job_text.h"

namespace alignflow {
namespace {

TEST(TextTable, AlignsColumnsByCharactersNotBytes) {
  EXPECT_EQ(TableText({{"A", "N"}, {"h\xc3\xb6he", "1"}, {"x", "10"}}, {1}),
            "A      N\nh\xc3\xb6he   1\nx     10\n");
}

TEST(TextTable, ControlCharactersAreShownAsQuestionMarks) {
  EXPECT_EQ(TableText({{"a\nb\x1b"}}), "a?b?\n");
}

TEST(TextTable, BytesAndDurationsReadWell) {
  EXPECT_EQ(BytesText(0), "0 B");
  EXPECT_EQ(BytesText(999), "999 B");
  EXPECT_EQ(BytesText(12400000), "12.4 MB");
  EXPECT_EQ(BytesText(999999), "1.0 MB");
  EXPECT_EQ(DurationText(absl::Seconds(4.21)), "4.2 s");
  EXPECT_EQ(DurationText(absl::Seconds(59.97)), "1m00s");
  EXPECT_EQ(DurationText(absl::Seconds(187)), "3m07s");
  EXPECT_EQ(DurationText(absl::Hours(2) + absl::Minutes(15)), "2h15m");
  EXPECT_EQ(DurationText(absl::Seconds(-3)), "0.0 s");
}

v1::Figure MakeFigure(const std::string& name, const std::string& subject, double value,
                      const std::string& better) {
  v1::Figure figure;
  figure.set_name(name);
  figure.set_subject(subject);
  figure.set_value(value);
  figure.set_better(better);
  return figure;
}

TEST(FiguresText, ColumnsStandInTheOrderOfTheContactSheet) {
  v1::Report report;
  *report.add_figures() = MakeFigure("mmd", "target", 0, "lower");
  *report.add_figures() = MakeFigure("mmd", "stage 2", 0.5134, "lower");
  *report.add_figures() = MakeFigure("mmd", "source", 2, "lower");
  *report.add_figures() = MakeFigure("spread", "other", 7, "");
  EXPECT_EQ(FiguresText(report, 0),
            "FIGURE  source  stage 2  target\n"
            "mmd          2   0.5134       0  lower is better\n"
            "\n"
            "FIGURE  other\n"
            "spread      7\n")
      << "segmentation models have a table of their own";
}

}  // namespace
}  // namespace alignflow
