#include "worker/models/sd35/memory.h"

#include <algorithm>
#include <cstdio>
#include <memory>

#include "worker/models/dinov3/dinov3_config.h"
#include "worker/models/dinov3/dinov3_vit.h"
#include "worker/models/hf/config.h"
#include "worker/models/hf/model_index.h"
#include "worker/models/sd35/autoencoder.h"
#include "worker/models/sd35/backbone.h"
#include "worker/models/sd35/clip_text.h"
#include "worker/models/sd35/codec.h"
#include "worker/models/sd35/controlnet.h"
#include "worker/models/sd35/t5_encoder.h"
#include "worker/models/unet/merged_model.h"

namespace alignflow {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kFloatBytes = 4;
// Numbers per token and channel that a transformer block keeps for its own backward pass (queries,
// keys, values, four times the width twice in the MLP, norms, modulated copies), and that it holds
// at once without one.
constexpr int64_t kKept = 40, kHeld = 16;
// The same for a block of the autoencoder, per position and channel.
constexpr int64_t kDecoderKept = 8, kDecoderHeld = 4;
constexpr int64_t kTextTokens = 77 + kT5Tokens;

// A model without memory, made from its config.json.
template <typename Model, typename Config>
Model Skeleton(const fs::path& folder, Config (*parse)(HfConfig&)) {
  HfConfig config(folder / "config.json");
  return Model(parse(config), at::TensorOptions(at::kMeta));
}

int64_t Numbers(const torch::nn::Module& module) {
  int64_t numbers = 0;
  for (const auto& [name, tensor] : StateOf(module)) numbers += tensor.numel();
  return numbers;
}

int64_t LargestTextEncoder(const Sd35ModelIndex& index) {
  int64_t largest = 0;
  for (const char* name : {"text_encoder", "text_encoder_2"}) {
    largest = std::max(largest,
                       Numbers(Skeleton<ClipTextModel>(index.Folder(name), ParseClipTextConfig)));
  }
  if (!index.Has("text_encoder_3")) return largest;
  return std::max(largest,
                  Numbers(Skeleton<T5Encoder>(index.Folder("text_encoder_3"), ParseT5Config)));
}

SD3ControlNetConfig ControlNetConfig(const Sd35ModelIndex& index,
                                     const SD3TransformerConfig& transformer) {
  if (index.Has("controlnet")) {
    HfConfig config(index.Folder("controlnet") / "config.json");
    return ParseSD3ControlNet(config);
  }
  SD3ControlNetConfig config;
  static_cast<SD3TransformerConfig&>(config) = transformer;
  config.num_layers = NewControlNetBlocks(transformer);
  return config;
}

// What trains, and samples, beside the base.
struct Branch {
  const char* what = "ControlNet";
  std::unique_ptr<torch::nn::Module> module;
  int64_t blocks = 0;  // in a wider type than the base's, which keep their inputs
  // Whether the base's transformer keeps its blocks' inputs, and blocks that keep all, as nothing
  // before them trains.
  int64_t through_transformer = 1, whole_blocks = 0;
};

Branch BranchOf(const Sd35ModelIndex& index, const SD3TransformerConfig& transformer,
                const Sd35Work& work, bool masks) {
  const at::TensorOptions meta(at::kMeta);
  Branch branch;
  if (!masks) {
    const SD3ControlNetConfig config = ControlNetConfig(index, transformer);
    branch.blocks = config.num_layers;
    branch.module = std::make_unique<SD3ControlNet>(config, meta);
  } else if (work.adapter_rank > 0) {
    branch.what = "adapters";
    branch.whole_blocks = 1;
    branch.module = std::make_unique<SD3Adapters>(transformer, work.adapter_rank, meta);
  } else {
    branch.what = "mask model";
    branch.blocks = transformer.num_layers;
    branch.through_transformer = 0;
    branch.module = std::make_unique<SD3Transformer>(transformer, meta);
  }
  return branch;
}

// Tokens of image and text of a batch, times the width.
int64_t TokenNumbers(const SD3TransformerConfig& config, int64_t side, int64_t batch) {
  const int64_t patches = side / config.patch_size;
  return batch * (patches * patches + kTextTokens) * config.Width();
}

// Of the decoder: inputs of all blocks, and the largest of them.
struct DecoderNumbers {
  int64_t inputs = 0, largest = 0;
};
DecoderNumbers DecoderActivations(const AutoencoderConfig& config, int64_t size, int64_t batch) {
  DecoderNumbers out;
  int64_t side = size / config.Downscale();
  const auto add = [&](int64_t channels, int64_t blocks) {
    const int64_t numbers = batch * channels * side * side;
    out.inputs += blocks * numbers;
    out.largest = std::max(out.largest, numbers);
  };
  add(config.block_out_channels.back(), 3);
  for (size_t i = config.block_out_channels.size(); i-- > 0;) {
    // The level's first block takes what the coarser one gave, doubled.
    const size_t before = std::min(i + 1, config.block_out_channels.size() - 1);
    add(config.block_out_channels[before], 1);
    add(config.block_out_channels[i], config.layers_per_block);
    if (i == 0) break;
    add(config.block_out_channels[i], 1);  // the doubling's own input
    side *= 2;
  }
  add(config.block_out_channels.front(), 2);  // of the last norm and convolution
  return out;
}

// Inputs of all layers of a ViT and what one layer keeps.
int64_t VitActivations(const DinoV3Config& config, const DinoV3Preprocessing& preprocessing,
                       int64_t batch) {
  const int64_t tokens =
      1 + config.num_register_tokens +
      (preprocessing.height / config.patch_size) * (preprocessing.width / config.patch_size);
  return batch * tokens * config.hidden_size * (config.num_hidden_layers + kKept);
}

std::string Gibibytes(int64_t bytes) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f", static_cast<double>(bytes) / (int64_t{1} << 30));
  return text;
}

}  // namespace

int64_t MemoryEstimate::Total() const {
  int64_t total = 0;
  for (const Part& part : parts) total += part.bytes;
  return total;
}

std::string MemoryEstimate::Text() const {
  std::string text = Gibibytes(Total()) + " GiB:";
  for (const Part& part : parts) {
    text += (&part == &parts.front() ? " " : ", ") + part.what + " " + Gibibytes(part.bytes);
  }
  return text;
}

MemoryEstimate EstimateSd35Memory(const fs::path& folder, const Sd35Work& work,
                                  const at::TensorOptions& options) {
  const Sd35ModelIndex index(folder);
  const auto element = static_cast<int64_t>(options.dtype().itemsize());
  const auto transformer =
      Skeleton<SD3Transformer>(index.Folder("transformer"), ParseSD3Transformer);
  const auto autoencoder = Skeleton<AutoencoderKL>(index.Folder("vae"), ParseAutoencoderConfig);
  const int64_t side = work.size / autoencoder.config().Downscale();
  const int64_t tokens = TokenNumbers(transformer.config(), side, work.batch);
  const bool masks = work.kind == Sd35Work::Kind::kFitMasks || work.kind == Sd35Work::Kind::kMasks;
  const bool trains = work.kind != Sd35Work::Kind::kSample && work.kind != Sd35Work::Kind::kMasks;

  MemoryEstimate estimate;
  const auto add = [&estimate](const char* what, int64_t bytes) {
    if (bytes > 0) estimate.parts.push_back({what, bytes});
  };
  add("transformer", element * Numbers(transformer));
  add("autoencoder", element * Numbers(autoencoder));
  const Branch branch = BranchOf(index, transformer.config(), work, masks);
  // A mask model is read in the type in which it samples; a ControlNet is brought to it.
  const int64_t sampling = masks ? element : kFloatBytes + element;
  add(branch.what, ((trains ? kFloatBytes : sampling) + element * (work.copy ? 1 : 0)) *
                       Numbers(*branch.module));
  if (trains) {
    // Gradient and two moments of each parameter; the position table is none.
    int64_t trained = 0;
    for (const at::Tensor& parameter : branch.module->parameters()) trained += parameter.numel();
    add("optimiser", kFloatBytes * (3 + (work.average ? 1 : 0)) * trained);
  }

  // What one block holds at a time; the inputs that all blocks keep.
  int64_t block = tokens * (trains ? kKept * kFloatBytes : kHeld * element);
  int64_t kept = 0;
  if (trains) {
    kept = tokens *
           (branch.through_transformer * transformer.config().num_layers * element +
            branch.blocks * (kFloatBytes + element) + branch.whole_blocks * kKept * kFloatBytes);
  }
  block = std::max(
      block, kDecoderHeld * element *
                 DecoderActivations(autoencoder.config(), work.size, kAutoencoderBatch).largest);
  if (work.kind == Sd35Work::Kind::kAlign) {
    kept *= 2;  // of both losses
    const DecoderNumbers decoder = DecoderActivations(autoencoder.config(), work.size, work.batch);
    kept += element * decoder.inputs;
    block = std::max(block, kDecoderKept * element * decoder.largest);
    const fs::path dinov3 = folder / "dinov3";
    if (fs::is_directory(dinov3)) {
      const auto vit = Skeleton<DinoV3ViT>(dinov3, ParseDinoV3);
      HfConfig preprocessing(dinov3 / "preprocessor_config.json");
      add("DINOv3", element * Numbers(vit));
      kept += element *
              VitActivations(vit.config(), ParseDinoV3Preprocessing(preprocessing), work.batch);
    }
  }
  add("activations", kept + block);

  const int64_t text = element * LargestTextEncoder(index);
  if (text > estimate.Total()) estimate.parts = {{"text encoder", text}};
  return estimate;
}

}  // namespace alignflow
