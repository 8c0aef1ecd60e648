#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>

#include "tests/worker/tasks/task_fixture.h"
#include "worker/pairs/pair_list.h"

namespace alignflow {
namespace {

using ::testing::HasSubstr;

class ChainTest : public TaskFixture {};

// fit -> rollout -> align -> generate (both stages) -> figures, as a job runs them.
TEST_F(ChainTest, TheTasksOfAJobMakePairsAndFigures) {
  const std::string source = PutPhantoms(PhantomDomain::kSource, 6, true);
  const std::string references = PutPhantoms(PhantomDomain::kTargetA, 3, false, 64, 2);
  const std::string target = PutPhantoms(PhantomDomain::kTargetA, 6, true, 64, 3);
  const std::string stage1 = Run(Spec("fit", {{"source", source}}))["model"];
  const std::string pool = Run(Spec("rollout", {{"source", source}, {"model", stage1}}))["pool"];
  const std::string stage2 = Run(Spec("align", {{"source", source},
                                                {"model", stage1},
                                                {"references", references},
                                                {"pool", pool}}))["model"];
  EXPECT_NE(stage1, stage2);
  const SettingMap pairs{{"first_pair", "1"}, {"last_pair", "5"}};
  const std::string compare =
      Run(Spec("generate", {{"source", source}, {"model", stage1}}, pairs))["pairs"];
  const std::string generated = Run(
      Spec("generate",
           {{"source", source}, {"model", stage2}, {"stage1", stage1}, {"references", references}},
           pairs))["pairs"];

  const std::vector<PairLine> first = ParsePairLines(blobs_->Read(compare));
  const std::vector<PairLine> second = ParsePairLines(blobs_->Read(generated));
  ASSERT_EQ(first.size(), 5u);
  ASSERT_EQ(second.size(), 5u);
  std::set<std::string> images;
  for (size_t i = 0; i < first.size(); ++i) {
    EXPECT_EQ(second[i].pair, static_cast<int64_t>(i + 1));
    EXPECT_EQ(first[i].mask, second[i].mask) << "stages are compared under the same masks";
    EXPECT_NE(first[i].image, second[i].image) << "stage 2 has changed the model";
    images.insert(second[i].image);
  }
  EXPECT_EQ(images.size(), 5u) << "no two pairs have the same image";

  const TaskOutputs figures = Run(Spec("figures", {{"source", source},
                                                   {"references", references},
                                                   {"target", target},
                                                   {"stage1/000001", compare},
                                                   {"stage2/000001", generated}}));
  std::set<std::string> subjects;
  for (const auto& figure : nlohmann::json::parse(blobs_->Read(figures.at("figures")))) {
    EXPECT_TRUE(figure.at("value").is_number() ||
                figure.at("note").get<std::string>().starts_with("not available: "))
        << figure;
    EXPECT_GT(figure.at("sample_count"), 0);
    if (figure.at("name") == "mmd to target") subjects.insert(figure.at("subject"));
  }
  EXPECT_EQ(subjects, (std::set<std::string>{"source", "references", "stage 1", "stage 2",
                                             "recoloured", "pairs", "target"}));
  EXPECT_TRUE(DecodeImage(blobs_->Read(figures.at("contact-sheet.png")), "sheet").ok());
}

}  // namespace
}  // namespace alignflow
