#include "worker/pairs/reference_colours.h"

#include <gtest/gtest.h>

#include <set>

#include "worker/tasks/task_error.h"
#include "worker/training/random_stream.h"

namespace alignflow {
namespace {

// `count` images [count,3,16,16] of narrow colours around a grey, float in [-1,1].
at::Tensor Narrow(int64_t count, double grey) {
  at::Generator random = RandomStream(3, RandomUse::kTransfer, static_cast<uint64_t>(count));
  return (at::rand({count, 3, 16, 16}, random) - 0.5) * 0.1 + grey;
}

std::vector<ColourMoments> MomentsOf(const at::Tensor& images) {
  std::vector<ColourMoments> moments;
  for (int64_t i = 0; i < images.size(0); ++i) {
    moments.push_back(MomentsInView(images.narrow(0, i, 1)));
  }
  return moments;
}

TEST(ReferenceColoursTest, APairLooksLikeOneReferenceAndNotLikeAllTogether) {
  const at::Tensor references = at::cat({Narrow(1, -0.4), Narrow(1, 0.4)});
  const ReferenceColours colours(MomentsOf(references), 5);
  const at::Tensor image = Narrow(3, 0.1).narrow(0, 2, 1);
  for (int64_t reference : {0, 1}) {
    const at::Tensor moved = colours.Recoloured(image, reference);
    EXPECT_NEAR(moved.mean().item<double>(), reference == 0 ? -0.4 : 0.4, 0.05);
    // All references' pixels together deviate by 0.4 around grey.
    EXPECT_LT(moved.std().item<double>(), 0.06);
  }
}

TEST(ReferenceColoursTest, EachPairDrawsItsReferenceAndAlwaysTheSame) {
  const auto references = MomentsOf(Narrow(4, 0));
  const ReferenceColours colours(references, 5), again(references, 5), other(references, 6);
  std::set<int64_t> drawn;
  int64_t same = 0;
  for (int64_t pair = 1; pair <= 60; ++pair) {
    EXPECT_EQ(colours.DrawnFor(pair), again.DrawnFor(pair));
    same += colours.DrawnFor(pair) == other.DrawnFor(pair);
    drawn.insert(colours.DrawnFor(pair));
  }
  EXPECT_EQ(drawn, (std::set<int64_t>{0, 1, 2, 3}));
  EXPECT_LT(same, 40) << "the seed has no say";
}

TEST(ReferenceColoursTest, NeedsAReference) { EXPECT_THROW(ReferenceColours({}, 1), TaskError); }

}  // namespace
}  // namespace alignflow
