// The configs that releases of diffusers and transformers from 4.37 to 5.24 have written
// (tests/reference/make_release_fixtures.py), and fields of folders as people have them.
#include <gmock/gmock.h>

#include <algorithm>
#include <filesystem>
#include <string>

#include "worker/models/dinov3/dinov3_config.h"
#include "worker/models/hf/config.h"
#include "worker/models/sd35/autoencoder_config.h"
#include "worker/models/sd35/clip_text.h"
#include "worker/models/sd35/schedule.h"
#include "worker/models/sd35/t5_encoder.h"
#include "worker/models/sd35/transformer_config.h"
#include "worker/models/segmenters/dpt.h"
#include "worker/models/segmenters/segformer.h"

namespace alignflow {
namespace {

namespace fs = std::filesystem;

// Reads the file unless the release has none; how many there were.
template <typename Config>
int Read(const fs::path& file, Config (*parse)(HfConfig&)) {
  if (!fs::exists(file)) return 0;
  HfConfig config(file);
  EXPECT_NO_THROW(parse(config)) << file;
  return 1;
}

TEST(ReleaseConfigsTest, WhatEveryReleaseWroteIsRead) {
  int releases = 0, pipelines = 0, vision = 0;
  for (const auto& entry : fs::directory_iterator(fs::path(ALIGNFLOW_TEST_DATA) / "releases")) {
    const fs::path& folder = entry.path();
    if (!folder.filename().string().starts_with("transformers-")) continue;
    ++releases;
    Read(folder / "controlnet" / "config.json", ParseSD3ControlNet);
    pipelines += Read(folder / "transformer" / "config.json", ParseSD3Transformer);
    Read(folder / "vae" / "config.json", ParseAutoencoderConfig);
    Read(folder / "scheduler" / "scheduler_config.json", ParseFlowMatchSchedule);
    Read(folder / "text_encoder" / "config.json", ParseClipTextConfig);
    Read(folder / "text_encoder_2" / "config.json", ParseClipTextConfig);
    Read(folder / "text_encoder_3" / "config.json", ParseT5Config);
    vision += Read(folder / "dinov3" / "config.json", ParseDinoV3);
    Read(folder / "dinov3" / "preprocessor_config.json", ParseDinoV3Preprocessing);
    EXPECT_EQ(Read(folder / "segformer" / "config.json", ParseSegFormer), 1);
    EXPECT_EQ(Read(folder / "dpt" / "config.json", ParseDpt), 1);
  }
  EXPECT_GE(releases, 6);
  EXPECT_GE(pipelines, 5);
  EXPECT_GE(vision, 3);
}

template <typename Config>
std::string ErrorOf(const std::string& text, Config (*parse)(HfConfig&)) {
  try {
    HfConfig config = HfConfig::FromText(text, "config.json");
    parse(config);
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "";
}

// Fields of SegFormer's and DPT's published folders, written by releases around 4.12 to 4.20.
TEST(ReleaseConfigsTest, FieldsOfPublishedFoldersAreNotRefused) {
  EXPECT_EQ(
      ErrorOf(R"({"architectures": ["SegformerForImageClassification"], "depths": [2, 2, 2, 2],
      "attention_probs_dropout_prob": 0.0, "classifier_dropout_prob": 0.1,
      "decoder_hidden_size": 256, "downsampling_rates": [1, 4, 8, 16], "drop_path_rate": 0.1,
      "hidden_act": "gelu", "hidden_dropout_prob": 0.0, "hidden_sizes": [32, 64, 160, 256],
      "image_size": 224, "initializer_range": 0.02, "layer_norm_eps": 1e-06,
      "id2label": {"0": "wall"}, "label2id": {"wall": 0}, "mlp_ratios": [4, 4, 4, 4],
      "model_type": "segformer", "num_attention_heads": [1, 2, 5, 8], "num_channels": 3,
      "num_encoder_blocks": 4, "patch_sizes": [7, 3, 3, 3], "reshape_last_stage": true,
      "semantic_loss_ignore_index": 255, "sr_ratios": [8, 4, 2, 1], "strides": [4, 2, 2, 2],
      "torch_dtype": "float32", "transformers_version": "4.12.0.dev0"})",
              ParseSegFormer),
      "");
  EXPECT_EQ(ErrorOf(R"({"add_projection": false, "architectures": ["DPTForSemanticSegmentation"],
      "attention_probs_dropout_prob": 0.0, "auxiliary_loss_weight": 0.4,
      "backbone_out_indices": [5, 11, 17, 23], "expand_channels": false,
      "fusion_hidden_size": 256, "head_in_index": -1, "hidden_act": "gelu",
      "hidden_dropout_prob": 0.0, "hidden_size": 1024, "id2label": {"0": "wall"},
      "image_size": 384, "initializer_range": 0.02, "intermediate_size": 4096,
      "label2id": {"wall": 0}, "layer_norm_eps": 1e-12, "model_type": "dpt",
      "neck_hidden_sizes": [256, 512, 1024, 1024], "num_attention_heads": 16, "num_channels": 3,
      "num_hidden_layers": 24, "patch_size": 16, "qkv_bias": true, "readout_type": "project",
      "reassemble_factors": [4, 2, 1, 0.5], "semantic_classifier_dropout": 0.1,
      "semantic_loss_ignore_index": 255, "torch_dtype": "float32",
      "transformers_version": "4.18.0.dev0", "use_auxiliary_head": true,
      "use_batch_norm_in_fusion_residual": true})",
                    ParseDpt),
            "");
  // SD 3.5's base, fine-tuned with diffusers' moving average; a text encoder out of a whole CLIP,
  // with everything that the base class of a config holds.
  EXPECT_EQ(ErrorOf(R"({"_class_name": "SD3Transformer2DModel", "_diffusers_version": "0.31.0.dev0",
      "_name_or_path": "x", "decay": 0.9999, "inv_gamma": 1.0, "min_decay": 0.0,
      "optimization_step": 100, "power": 0.6667, "update_after_step": 0, "use_ema_warmup": false,
      "attention_head_dim": 64, "caption_projection_dim": 1536, "in_channels": 16,
      "dual_attention_layers": [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12],
      "joint_attention_dim": 4096, "num_attention_heads": 24, "num_layers": 24,
      "out_channels": 16, "patch_size": 2, "pooled_projection_dim": 2048,
      "pos_embed_max_size": 384, "qk_norm": "rms_norm", "sample_size": 128})",
                    ParseSD3Transformer),
            "");
  EXPECT_EQ(ErrorOf(R"({"_name_or_path": "", "add_cross_attention": false, "attention_dropout": 0.0,
      "bad_words_ids": null, "bos_token_id": 0, "chunk_size_feed_forward": 0,
      "cross_attention_hidden_size": null, "do_sample": false, "dropout": 0.0,
      "early_stopping": false, "eos_token_id": 2, "hidden_act": "quick_gelu", "hidden_size": 768,
      "id2label": {"0": "LABEL_0"}, "intermediate_size": 3072, "is_decoder": false,
      "is_encoder_decoder": false, "max_length": 20, "model_type": "clip_text_model",
      "num_attention_heads": 12, "num_beams": 1, "num_hidden_layers": 12, "pruned_heads": {},
      "temperature": 1.0, "tie_word_embeddings": true, "top_k": 50, "torchscript": false,
      "use_bfloat16": false, "vocab_size": 49408})",
                    ParseClipTextConfig),
            "");
}

// The same names are refused where they would change what is computed.
TEST(ReleaseConfigsTest, WhatChangesTheComputationIsStillRefusedByNameAndValue) {
  using testing::AllOf;
  using testing::HasSubstr;
  EXPECT_THAT(ErrorOf(R"({"pruned_heads": {"0": [1]}})", ParseClipTextConfig),
              AllOf(HasSubstr("'pruned_heads' is"), HasSubstr("null")));
  EXPECT_THAT(ErrorOf(R"({"expand_channels": true})", ParseDpt), HasSubstr("'expand_channels'"));
  EXPECT_THAT(ErrorOf(R"({"quantization_config": {"load_in_8bit": true}})", ParseSD3Transformer),
              HasSubstr("'quantization_config'"));
  EXPECT_THAT(ErrorOf(R"({"_class_name": "AutoencoderKLWan"})", ParseAutoencoderConfig),
              AllOf(HasSubstr("'_class_name'"), HasSubstr("\"AutoencoderKL\" is supported")));
  EXPECT_THAT(ErrorOf(R"({"_class_name": "DDIMScheduler"})", ParseFlowMatchSchedule),
              HasSubstr("'_class_name'"));
}

}  // namespace
}  // namespace alignflow
