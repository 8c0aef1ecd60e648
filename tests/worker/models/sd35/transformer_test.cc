// What the reference's fixtures do not show: refusals, and a ControlNet of as many blocks as the
// transformer has.
#include "worker/models/sd35/transformer.h"

#include <ATen/core/grad_mode.h>
#include <gmock/gmock.h>

#include "worker/models/hf/config.h"
#include "worker/models/sd35/controlnet.h"
#include "worker/models/sd35/schedule.h"
#include "worker/models/unet/merged_model.h"

namespace alignflow {
namespace {

using testing::HasSubstr;

SD3TransformerConfig Small() {
  SD3TransformerConfig config;
  config.in_channels = config.out_channels = 3;
  config.num_layers = 3;
  config.num_attention_heads = 2;
  config.attention_head_dim = 4;
  config.joint_attention_dim = 6;
  config.pooled_projection_dim = 5;
  config.pos_embed_max_size = 4;
  config.dual_attention_layers = {0};
  config.rms_qk_norm = true;
  return config;
}

void Randomize(const torch::nn::Module& module) {
  const at::NoGradGuard no_grad;
  for (const auto& [name, tensor] : StateOf(module)) tensor.normal_(0, 0.3);
}

SD3Inputs RandomInputs(int64_t rows, int64_t columns) {
  return {at::randn({2, 3, rows, columns}), at::tensor({100.0f, 900.0f}), at::randn({2, 5, 6}),
          at::randn({2, 5})};
}

template <typename Call>
std::string ErrorOf(const Call& call) {
  try {
    call();
  } catch (const std::exception& error) {
    return error.what();
  }
  return "";
}

TEST(SD3TransformerTest, RefusesLatentsThatDoNotFit) {
  const SD3Transformer net(Small());
  Randomize(net);
  EXPECT_THAT(ErrorOf([&] { net.Forward(RandomInputs(4, 7)); }), HasSubstr("patches of 2"));
  EXPECT_THAT(ErrorOf([&] { net.Forward(RandomInputs(4, 10)); }), HasSubstr("positions, 4"));
}

TEST(SD3ControlNetTest, NewOneChangesNothing) {
  at::manual_seed(1);
  const SD3Transformer net(Small());
  Randomize(net);
  const auto controlnet = SD3ControlNet::FromTransformer(net, 2, 0, at::kFloat);
  const at::NoGradGuard no_grad;
  const SD3Inputs inputs = RandomInputs(4, 6);
  const std::vector<at::Tensor> residuals = controlnet->Forward(inputs, at::randn({2, 3, 4, 6}));
  ASSERT_EQ(residuals.size(), 2u);
  EXPECT_TRUE(at::equal(net.Forward(inputs, residuals), net.Forward(inputs)));
}

// The text ends in the transformer's last block and goes on in the ControlNet's: its image tokens
// must be the same all the same.
TEST(SD3ControlNetTest, CopyOfEveryBlockSeesWhatTheTransformerSees) {
  at::manual_seed(2);
  SD3TransformerConfig config = Small();
  const SD3Transformer net(config);
  Randomize(net);
  const auto controlnet = SD3ControlNet::FromTransformer(net, config.num_layers, 0, at::kFloat);
  const at::NoGradGuard no_grad;
  auto state = StateOf(*controlnet);
  state.at("controlnet_blocks.2.weight").copy_(at::eye(config.Width()));
  const SD3Inputs inputs = RandomInputs(8, 4);
  const at::Tensor tokens = controlnet->Forward(inputs, at::randn({2, 3, 8, 4})).back();

  // The transformer's own last tokens, seen through its output layers.
  const auto source = StateOf(net);
  const auto linear = [&](const std::string& name, const at::Tensor& x) {
    return at::linear(x, source.at(name + ".weight"), source.at(name + ".bias"));
  };
  TimeTextEmbedding time_text(config.Width(), config.pooled_projection_dim, at::kFloat);
  for (const auto& [name, tensor] : StateOf(time_text)) {
    tensor.copy_(source.at("time_text_embed." + name));
  }
  const std::vector<at::Tensor> scale_shift =
      linear("norm_out.linear", at::silu(time_text.Forward(inputs.timestep, inputs.pooled)))
          .unsqueeze(1)
          .chunk(2, 2);
  const at::Tensor out = linear("proj_out", Modulate(tokens, scale_shift[1], scale_shift[0]));
  const at::Tensor patches = net.Forward(inputs)
                                 .unflatten(3, {-1, 2})
                                 .unflatten(2, {-1, 2})
                                 .permute({0, 2, 4, 3, 5, 1})
                                 .reshape(out.sizes());
  EXPECT_TRUE(at::allclose(out, patches, 1e-4, 1e-5));
}

TEST(SD3ControlNetTest, RefusesWhatDoesNotFit) {
  const SD3Transformer net(Small());
  Randomize(net);
  EXPECT_THAT(ErrorOf([&] { SD3ControlNet::FromTransformer(net, 4, 0, at::kFloat); }),
              HasSubstr("4 blocks"));
  const auto controlnet = SD3ControlNet::FromTransformer(net, 1, 1, at::kFloat);
  EXPECT_THAT(ErrorOf([&] {
                controlnet->Forward(RandomInputs(4, 4), at::randn({2, 3, 4, 4}));
              }),
              HasSubstr("4 channels"));
}

std::string TransformerError(const std::string& json) {
  return ErrorOf([&] {
    HfConfig config = HfConfig::FromText(json, "config.json");
    ParseSD3Transformer(config);
  });
}

std::string ControlNetError(const std::string& json) {
  return ErrorOf([&] {
    HfConfig config = HfConfig::FromText(json, "config.json");
    ParseSD3ControlNet(config);
  });
}

std::string ScheduleError(const std::string& json) {
  return ErrorOf([&] {
    HfConfig config = HfConfig::FromText(json, "scheduler_config.json");
    ParseFlowMatchSchedule(config);
  });
}

TEST(SD3ConfigTest, FieldsThatCannotBeHonouredAreRefusedByName) {
  EXPECT_EQ(TransformerError("{}"), "");
  EXPECT_THAT(TransformerError(R"({"qk_norm": "layer_norm"})"), HasSubstr("'qk_norm'"));
  EXPECT_THAT(TransformerError(R"({"caption_projection_dim": 7})"),
              HasSubstr("'caption_projection_dim'"));
  EXPECT_THAT(TransformerError(R"({"pos_embed_max_size": null})"),
              HasSubstr("'pos_embed_max_size'"));
  EXPECT_THAT(TransformerError(R"({"num_layers": 0})"), HasSubstr("'num_layers'"));
  EXPECT_THAT(TransformerError(R"({"use_pos_embed": true})"), HasSubstr("'use_pos_embed'"));
  EXPECT_EQ(ControlNetError("{}"), "");
  EXPECT_THAT(ControlNetError(R"({"joint_attention_dim": null})"),
              HasSubstr("'joint_attention_dim'"));
  EXPECT_THAT(ControlNetError(R"({"use_pos_embed": false})"), HasSubstr("'use_pos_embed'"));
  EXPECT_THAT(ControlNetError(R"({"pos_embed_type": null})"), HasSubstr("'pos_embed_type'"));
}

TEST(FlowMatchScheduleTest, FieldsThatCannotBeHonouredAreRefusedByName) {
  EXPECT_EQ(ScheduleError(R"({"shift": 3.0, "base_shift": 0.5})"), "");
  for (const char* name : {"use_dynamic_shifting", "invert_sigmas", "use_karras_sigmas",
                           "use_exponential_sigmas", "use_beta_sigmas", "stochastic_sampling"}) {
    EXPECT_THAT(ScheduleError(std::string("{\"") + name + "\": true}"), HasSubstr(name));
  }
  EXPECT_THAT(ScheduleError(R"({"shift_terminal": 0.1})"), HasSubstr("shift_terminal"));
  EXPECT_THAT(ScheduleError(R"({"num_train_timesteps": 100})"), HasSubstr("num_train_timesteps"));
  EXPECT_THAT(ScheduleError(R"({"shift": 0})"), HasSubstr("shift"));
}

}  // namespace
}  // namespace alignflow
