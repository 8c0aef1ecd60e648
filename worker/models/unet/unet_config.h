#ifndef ALIGNFLOW_WORKER_MODELS_UNET_UNET_CONFIG_H_
#define ALIGNFLOW_WORKER_MODELS_UNET_UNET_CONFIG_H_

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <vector>

namespace alignflow {

// The keyword arguments of MONAI GenerativeModels' DiffusionModelUNet and ControlNet together with
// those that MOTFM's model_args add, under their own names, so that a reference configuration is
// read as it stands. Vectors hold one entry per level, from the finest to the coarsest.
struct UNetConfig {
  int64_t spatial_dims = 2;  // 2 or 3
  int64_t in_channels = 1;
  int64_t out_channels = 1;
  std::vector<int64_t> num_res_blocks = {2, 2, 2, 2};
  std::vector<int64_t> num_channels = {32, 64, 64, 64};
  std::vector<bool> attention_levels = {false, false, true, true};
  int64_t norm_num_groups = 32;
  double norm_eps = 1e-6;
  bool resblock_updown = false;
  std::vector<int64_t> num_head_channels = {8, 8, 8, 8};
  bool with_conditioning = false;  // cross-attention on Condition::context
  int64_t transformer_num_layers = 1;
  std::optional<int64_t> cross_attention_dim;
  std::optional<int64_t> num_class_embeds;
  double dropout_cattn = 0.0;  // of the U-Net's transformers; the ControlNet has none

  bool mask_conditioning = false;  // a ControlNet beside the U-Net
  int64_t conditioning_embedding_in_channels = 1;
  std::vector<int64_t> conditioning_embedding_num_channels = {16};

  int64_t max_timestep = 1000;
  // True: the step is floor(t (max_timestep - 1)), as MOTFM rounds it. False: the same without
  // rounding down.
  bool integer_timesteps = true;
  // False: as in the GenerativeModels package, attention blocks hold a proj_attn that their forward
  // pass leaves out. True: as in MONAI core (1.4 and later), which applies it.
  bool attention_projection = false;

  // The factor between image and coarsest level; sizes must be multiples of it.
  int64_t Downscale() const { return int64_t{1} << (num_channels.size() - 1); }

  // Throws std::invalid_argument naming the field, under the reference's rules.
  void Validate() const;
};

// Lists may be given as one number for all levels, as the reference allows. Throws
// std::invalid_argument naming an unknown key or a key of the wrong type. use_flash_attention and
// upcast_attention, which change no result here, are accepted and dropped.
UNetConfig UNetConfigFromJson(const nlohmann::json& json);
nlohmann::json ToJson(const UNetConfig& config);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_MODELS_UNET_UNET_CONFIG_H_
