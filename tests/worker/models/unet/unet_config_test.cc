#include "worker/models/unet/unet_config.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

namespace alignflow {
namespace {

using nlohmann::json;
using testing::HasSubstr;

std::string ErrorOf(const json& source) {
  try {
    UNetConfigFromJson(source);
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "";
}

TEST(UNetConfigTest, JsonRoundTripKeepsEveryField) {
  UNetConfig config;
  config.with_conditioning = true;
  config.cross_attention_dim = 4;
  config.resblock_updown = true;
  config.norm_eps = 1e-5;
  config.integer_timesteps = false;
  config.attention_projection = true;
  const json stored = ToJson(config);
  EXPECT_EQ(ToJson(UNetConfigFromJson(json::parse(stored.dump()))), stored);
}

TEST(UNetConfigTest, ReadsMotfmsModelArguments) {
  const UNetConfig config = UNetConfigFromJson(json::parse(R"({
    "spatial_dims": 2, "in_channels": 1, "out_channels": 1, "num_res_blocks": [2, 2, 2, 2, 2],
    "num_channels": [32, 64, 128, 224, 256], "attention_levels": [false, false, false, true, true],
    "norm_num_groups": 32, "resblock_updown": true, "num_head_channels": [32, 64, 128, 224, 256],
    "transformer_num_layers": 4, "use_flash_attention": true, "with_conditioning": true,
    "mask_conditioning": true, "cross_attention_dim": 4,
    "conditioning_embedding_num_channels": [16]})"));
  EXPECT_TRUE(config.mask_conditioning);
  EXPECT_TRUE(config.integer_timesteps);
  EXPECT_EQ(config.Downscale(), 16);
}

TEST(UNetConfigTest, OneNumberStandsForAllLevels) {
  const UNetConfig config = UNetConfigFromJson(
      {{"num_channels", {32, 64}}, {"attention_levels", {false, true}}, {"num_res_blocks", 3}});
  EXPECT_EQ(config.num_res_blocks, (std::vector<int64_t>{3, 3}));
  EXPECT_EQ(config.num_head_channels, (std::vector<int64_t>{8, 8}));
}

TEST(UNetConfigTest, ErrorsNameTheField) {
  EXPECT_THAT(ErrorOf({{"num_chanels", {32}}}), HasSubstr("'num_chanels'"));
  EXPECT_THAT(ErrorOf({{"in_channels", "three"}}), HasSubstr("'in_channels'"));
  EXPECT_THAT(ErrorOf({{"in_channels", 0}}), HasSubstr("in_channels"));
  EXPECT_THAT(ErrorOf({{"spatial_dims", 4}}), HasSubstr("spatial_dims"));
  EXPECT_THAT(ErrorOf({{"norm_num_groups", 7}}), HasSubstr("norm_num_groups"));
  EXPECT_THAT(ErrorOf({{"num_head_channels", {8, 8, 8, 7}}}), HasSubstr("num_head_channels"));
  EXPECT_THAT(ErrorOf({{"attention_levels", {true}}}), HasSubstr("attention_levels"));
  EXPECT_THAT(ErrorOf({{"with_conditioning", true}}), HasSubstr("cross_attention_dim"));
  EXPECT_THAT(ErrorOf({{"cross_attention_dim", 4}}), HasSubstr("cross_attention_dim"));
  EXPECT_THAT(ErrorOf({{"max_timestep", 1}}), HasSubstr("max_timestep"));
  EXPECT_THAT(ErrorOf(json::array()), HasSubstr("object"));
}

}  // namespace
}  // namespace alignflow
