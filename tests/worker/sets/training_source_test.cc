#include "worker/sets/training_source.h"

#include <gtest/gtest.h>

#include "tests/worker/tasks/task_fixture.h"
#include "worker/models/unet/backbone.h"

namespace alignflow {
namespace {

TEST(TrainingSourceTest, MasksAreEqualConditionsWhereTheyShowTheSameLabels) {
  at::set_num_threads(1);
  ImageSet set{.images = at::zeros({4, 3, 64, 64}, at::kByte),
               .classes = at::zeros({4, 64, 64}, at::kByte),
               .labels = LabelTable::Parse("cup=1,disc=2").value(),
               .names = {"a", "b", "c", "d"},
               .note = ""};
  set.classes[0][3][5].fill_(1);
  set.classes[1][60][2].fill_(1);  // elsewhere
  set.classes[2][3][5].fill_(2);   // image d shows none
  UNetBackbone model(UNetPreset("unet-64", set.labels.classes()), /*seed=*/1, at::kCPU);
  const TrainingSource source(model, set, 0, "", [] {});
  const at::Tensor items = at::tensor({0, 1, 2, 3}, at::kLong);
  Condition condition = model.ConditionOn(model.EncodeMasks(set.classes));
  EXPECT_EQ(source.ConditionNumbers(items, condition), (std::vector<int64_t>{0, 0, 2, 3}));
  condition.mask[1].zero_();  // it was dropped
  EXPECT_EQ(source.ConditionNumbers(items, condition), (std::vector<int64_t>{0, 1, 2, 3}));
}

}  // namespace
}  // namespace alignflow
