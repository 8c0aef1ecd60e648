// Schedule, guidance and sampling against diffusers' pipeline
// (tests/reference/make_sd3_fixtures.py).
#include "worker/models/sd35/pipeline.h"

#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include "tests/worker/models/reference_fixture.h"
#include "worker/models/sd35/velocity.h"

namespace alignflow {
namespace {

struct Networks {
  explicit Networks(const ReferenceFixture& fixture) {
    HfConfig transformer_config = fixture.Config("transformer");
    transformer = std::make_shared<SD3Transformer>(ParseSD3Transformer(transformer_config));
    fixture.Load("transformer", *transformer);
    HfConfig controlnet_config = fixture.Config("controlnet");
    controlnet = std::make_shared<SD3ControlNet>(ParseSD3ControlNet(controlnet_config));
    fixture.Load("controlnet", *controlnet);
  }
  std::shared_ptr<SD3Transformer> transformer;
  std::shared_ptr<SD3ControlNet> controlnet;
};

class PipelineParityTest : public testing::TestWithParam<const char*> {};

TEST_P(PipelineParityTest, LatentsAfterTheLastStepAreTheReferences) {
  const ReferenceFixture fixture(std::string("sd35/pipeline_") + GetParam());
  const Networks networks(fixture);
  HfConfig schedule_config = fixture.Config("scheduler");
  const Sd35Sampling sampling{.schedule = ParseFlowMatchSchedule(schedule_config),
                              .guidance = fixture.Number("guidance"),
                              .control_scale = fixture.Number("control_scale")};
  EXPECT_EQ(sampling.steps, 28);
  const at::NoGradGuard no_grad;
  const at::Tensor latents = SampleLatents(
      *networks.transformer, networks.controlnet.get(), sampling, fixture.Get("in.latents"),
      {fixture.Get("in.prompt_embeds"), fixture.Get("in.pooled_prompt_embeds")},
      {fixture.Get("in.negative_prompt_embeds"), fixture.Get("in.negative_pooled_prompt_embeds")},
      fixture.Get("in.control"));
  EXPECT_LT(RelativeError(latents, fixture.Get("out.latents")), 1e-4);
}

INSTANTIATE_TEST_SUITE_P(Reference, PipelineParityTest, testing::Values("dual", "plain"),
                         [](const auto& info) { return info.param; });

TEST(FlowMatchScheduleTest, TimesRunFromNoiseToData) {
  const std::vector<double> times = FlowMatchSchedule{.shift = 3.0}.Times(28);
  ASSERT_EQ(times.size(), 29u);
  EXPECT_EQ(times.front(), 0);
  EXPECT_EQ(times.back(), 1);
  for (size_t i = 0; i + 1 < times.size(); ++i) EXPECT_LT(times[i], times[i + 1]);
  EXPECT_EQ(FlowMatchSchedule().Times(1), (std::vector<double>{0, 1}));
  EXPECT_THROW(FlowMatchSchedule().Times(0), std::invalid_argument);
}

// Guidance is linear in its scale: 1 is the prompt alone, and one batch gives what two calls give.
TEST(TextGuidedVelocityTest, OneBatchIsBothHalves) {
  const ReferenceFixture fixture("sd35/pipeline_dual");
  const Networks networks(fixture);
  const at::NoGradGuard no_grad;
  Sd35Velocity velocity(*networks.transformer, networks.controlnet.get());
  const at::Tensor x = fixture.Get("in.latents"), t = at::full({2}, 0.25);
  Condition prompt{.mask = {},
                   .class_labels = {},
                   .context = fixture.Get("in.prompt_embeds"),
                   .pooled = fixture.Get("in.pooled_prompt_embeds"),
                   .control = fixture.Get("in.control")};
  Condition empty = prompt;
  empty.context = fixture.Get("in.negative_prompt_embeds").narrow(0, 0, 1).expand({2, -1, -1});
  empty.pooled = fixture.Get("in.negative_pooled_prompt_embeds").narrow(0, 0, 1).expand({2, -1});
  const at::Tensor with = velocity.Velocity(x, t, prompt), without = velocity.Velocity(x, t, empty);
  TextGuidedVelocity guided(velocity, 3.0, empty.context.narrow(0, 0, 1),
                            empty.pooled.narrow(0, 0, 1));
  EXPECT_LT(RelativeError(guided.Velocity(x, t, prompt), without + 3 * (with - without)), 1e-5);
  TextGuidedVelocity unguided(velocity, 1.0, empty.context, empty.pooled);
  EXPECT_TRUE(at::equal(unguided.Velocity(x, t, prompt), with));
}

// A frozen transformer in bfloat16 beside a ControlNet that trains in float32.
TEST(Sd35VelocityTest, PrecisionsMayBeMixed) {
  const ReferenceFixture fixture("sd35/pipeline_plain");
  const Networks networks(fixture);
  const Condition condition{.mask = {},
                            .class_labels = {},
                            .context = fixture.Get("in.prompt_embeds"),
                            .pooled = fixture.Get("in.pooled_prompt_embeds"),
                            .control = fixture.Get("in.control")};
  const at::Tensor x = fixture.Get("in.latents"), t = at::full({2}, 0.25);
  Sd35Velocity wide(*networks.transformer, networks.controlnet.get());
  const at::Tensor expected = wide.Velocity(x, t, condition).detach();

  SD3Transformer narrow_transformer(networks.transformer->config(), at::kBFloat16);
  fixture.Load("transformer", narrow_transformer);
  for (at::Tensor& parameter : narrow_transformer.parameters()) parameter.requires_grad_(false);
  Sd35Velocity mixed(narrow_transformer, networks.controlnet.get());
  const at::Tensor velocity = mixed.Velocity(x, t, condition);
  EXPECT_EQ(velocity.scalar_type(), at::kFloat);
  EXPECT_LT(RelativeError(velocity.detach(), expected), 0.1);
  velocity.square().sum().backward();
  for (const auto& item : networks.controlnet->named_parameters()) {
    if (item.key().starts_with("controlnet_blocks.0.")) {
      EXPECT_EQ(item.value().grad().scalar_type(), at::kFloat) << item.key();
    }
  }
}

TEST(Sd35VelocityTest, RefusesAConditionThatDoesNotFit) {
  const ReferenceFixture fixture("sd35/pipeline_dual");
  const Networks networks(fixture);
  const at::Tensor x = fixture.Get("in.latents"), t = at::full({2}, 0.25);
  Condition condition{.mask = {},
                      .class_labels = {},
                      .context = fixture.Get("in.prompt_embeds"),
                      .pooled = fixture.Get("in.pooled_prompt_embeds")};
  Sd35Velocity controlled(*networks.transformer, networks.controlnet.get());
  EXPECT_THROW(controlled.Velocity(x, t, condition), std::invalid_argument);
  Sd35Velocity plain(*networks.transformer, nullptr);
  EXPECT_EQ(plain.Velocity(x, t, condition).sizes(), x.sizes());
  condition.control = fixture.Get("in.control");
  EXPECT_THROW(plain.Velocity(x, t, condition), std::invalid_argument);
  condition.pooled.reset();
  EXPECT_THROW(controlled.Velocity(x, t, condition), std::invalid_argument);
}

}  // namespace
}  // namespace alignflow
