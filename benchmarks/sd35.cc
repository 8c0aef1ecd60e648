// SD 3.5 with random weights, for benchmarks/sd35.py, which times it beside diffusers. In FOLDER it
// finds run.json and a config.json for each network, as published; there it leaves the weights and
// the inputs, for the peer to take, and its images. One line of JSON on stdout for each thing
// measured: the seconds of each round, the most memory held (bytes), and a value to compare.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <nlohmann/json.hpp>

#include "benchmarks/sd35_device.h"
#include "worker/alignment/align_step.h"
#include "worker/alignment/dinov3_features.h"
#include "worker/models/hf/config.h"
#include "worker/models/safetensors.h"
#include "worker/models/sd35/autoencoder.h"
#include "worker/models/sd35/pipeline.h"
#include "worker/models/sd35/velocity.h"
#include "worker/models/unet/merged_model.h"
#include "worker/training/optimizer.h"
#include "worker/training/velocity_loss.h"

namespace alignflow {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr double kLearningRate = 1e-5;
constexpr int64_t kStartIndex = 18;  // of the rollout's 20 steps
constexpr int64_t kReferences = 10;

// Small numbers; norms are the identity, so that activations keep their size through the network.
void FillRandom(const torch::nn::Module& module) {
  const at::NoGradGuard no_grad;
  for (const auto& [name, tensor] : StateOf(module)) {
    if (tensor.dim() == 1 && name.ends_with("weight")) {
      tensor.fill_(1);
    } else if (name.ends_with("lambda1")) {
      tensor.fill_(0.1);  // layer scale
    } else {
      tensor.normal_(0, 0.02);
    }
  }
}

// The network of a folder's config.json, frozen, with random weights.
template <typename Model, typename Config>
std::shared_ptr<Model> RandomModel(const fs::path& folder, Config (*parse)(HfConfig&),
                                   const at::TensorOptions& options) {
  HfConfig config(folder / "config.json");
  auto model = std::make_shared<Model>(parse(config), options);
  FillRandom(*model);
  for (const at::Tensor& parameter : model->parameters()) parameter.requires_grad_(false);
  return model;
}

class Bench {
 public:
  Bench(const fs::path& folder, const json& run)
      : folder_(folder),
        device_(run.at("device").get<std::string>()),
        type_(run.at("dtype") == "bfloat16" ? at::kBFloat16 : at::kFloat) {
    at::manual_seed(0);
    const at::TensorOptions options = at::TensorOptions(device_).dtype(type_);
    transformer_ =
        RandomModel<SD3Transformer>(folder / "transformer", ParseSD3Transformer, options);
    controlnet_ = RandomModel<SD3ControlNet>(folder / "controlnet", ParseSD3ControlNet, options);
    vae_ = RandomModel<AutoencoderKL>(folder / "vae", ParseAutoencoderConfig, options);
    dinov3_ = RandomModel<DinoV3ViT>(folder / "dinov3", ParseDinoV3, options);
    codec_ = std::make_unique<AutoencoderCodec>(vae_);
    HfConfig preprocessing(folder / "dinov3" / "preprocessor_config.json");
    features_ = std::make_unique<DinoV3Features>(dinov3_, ParseDinoV3Preprocessing(preprocessing));
    HfConfig scheduler(folder / "scheduler" / "scheduler_config.json");
    sampling_ = {.schedule = ParseFlowMatchSchedule(scheduler),
                 .steps = run.at("steps"),
                 .guidance = run.at("guidance")};
    DrawInputs(run);
    if (run.at("save")) Save();
  }

  // Control image in, images [B,3,H,W] in [-1,1] out: what the reference's pipeline does with the
  // embeddings of its prompts at hand.
  at::Tensor MakeImages() {
    const c10::InferenceMode guard;
    const at::Tensor latents =
        SampleLatents(*transformer_, controlnet_.get(), sampling_, inputs_.at("noise"),
                      {inputs_.at("context"), inputs_.at("pooled")},
                      {inputs_.at("empty_context"), inputs_.at("empty_pooled")}, ControlLatent());
    return codec_->Decode(latents).clamp(-1, 1);
  }

  // Stage 1: L_D on the ControlNet. Returns the loss.
  at::Tensor FitStep() {
    const at::Tensor loss = DiffusionLoss();
    loss.backward();
    optimizer_->Step(kLearningRate);
    return loss.detach();
  }

  // Stage 2: L_D + L_A, from states that the pool holds already.
  at::Tensor AlignStep() {
    const at::Tensor diffusion = DiffusionLoss();
    diffusion.backward();
    Sd35Velocity velocity(*transformer_, trained_.get());
    const RolloutBatch batch{.states = inputs_.at("noise"),
                             .index = kStartIndex,
                             .condition = Conditions(),
                             .detail = {}};
    const at::Tensor alignment =
        AlignmentLoss(velocity, *codec_, *features_, batch, inputs_.at("references"));
    alignment.backward();
    optimizer_->Step(kLearningRate);
    return (diffusion + alignment).detach();
  }

  // The ControlNet that trains is a float32 copy, which computes in the transformer's type.
  void BeginTraining() {
    trained_ = std::make_shared<SD3ControlNet>(controlnet_->config(),
                                               at::TensorOptions(device_).dtype(at::kFloat));
    CopyState(StateOf(*controlnet_), StateOf(*trained_), "the copy");
    optimizer_ = std::make_unique<AdamW>(trained_->parameters());
  }
  void EndTraining() {
    optimizer_.reset();
    trained_.reset();
  }

  const fs::path& folder() const { return folder_; }
  at::Device device() const { return device_; }
  at::ScalarType type() const { return type_; }

 private:
  void DrawInputs(const json& run) {
    const int64_t batch = run.at("batch"), size = run.at("image"), tokens = run.at("text_tokens");
    const SD3TransformerConfig& config = transformer_->config();
    const int64_t side = size / vae_->config().Downscale();
    const auto draw = [this](const char* name, at::IntArrayRef shape) {
      inputs_[name] = at::randn(shape, at::TensorOptions(device_));
    };
    draw("noise", {batch, config.in_channels, side, side});
    draw("data", {batch, config.in_channels, side, side});
    draw("context", {batch, tokens, config.joint_attention_dim});
    draw("empty_context", {1, tokens, config.joint_attention_dim});
    draw("pooled", {batch, config.pooled_projection_dim});
    draw("empty_pooled", {1, config.pooled_projection_dim});
    draw("control_image", {batch, 3, size, size});
    inputs_["control_image"].clamp_(-1, 1);
    draw("references", {kReferences, dinov3_->config().hidden_size});
    inputs_["t"] = at::linspace(0.1, 0.9, batch, at::TensorOptions(device_));
    const at::NoGradGuard no_grad;
    inputs_["control"] = ControlLatent();
  }

  // As ControlNets that see no pooled text were trained: without the codec's shift.
  at::Tensor ControlLatent() const {
    const AutoencoderConfig& config = vae_->config();
    const double shift =
        controlnet_->config().force_zeros_for_pooled_projection ? 0.0 : config.shift_factor;
    const at::Tensor mean = vae_->Encode(inputs_.at("control_image").to(type_)).mean;
    return (mean.to(at::kFloat) - shift) * config.scaling_factor;
  }

  Condition Conditions() const {
    return {.mask = {},
            .class_labels = {},
            .context = inputs_.at("context"),
            .pooled = inputs_.at("pooled"),
            .control = inputs_.at("control")};
  }

  at::Tensor DiffusionLoss() {
    Sd35Velocity velocity(*transformer_, trained_.get());
    return VelocityLoss(velocity, inputs_.at("data"), inputs_.at("noise"), inputs_.at("t"),
                        Conditions());
  }

  void Save() const {
    const auto save = [this](const char* component, const char* stem,
                             const torch::nn::Module& model) {
      WriteSafetensors(folder_ / component / (std::string(stem) + ".safetensors"), StateOf(model),
                       {{"format", "pt"}});
    };
    save("transformer", "diffusion_pytorch_model", *transformer_);
    save("controlnet", "diffusion_pytorch_model", *controlnet_);
    save("vae", "diffusion_pytorch_model", *vae_);
    save("dinov3", "model", *dinov3_);
    WriteSafetensors(folder_ / "inputs.safetensors", inputs_, {});
  }

  fs::path folder_;
  at::Device device_;
  at::ScalarType type_;
  std::shared_ptr<SD3Transformer> transformer_;
  std::shared_ptr<SD3ControlNet> controlnet_;
  std::shared_ptr<AutoencoderKL> vae_;
  std::shared_ptr<DinoV3ViT> dinov3_;
  std::unique_ptr<AutoencoderCodec> codec_;
  std::unique_ptr<DinoV3Features> features_;
  Sd35Sampling sampling_;
  std::map<std::string, at::Tensor> inputs_;  // float32
  std::shared_ptr<SD3ControlNet> trained_;
  std::unique_ptr<AdamW> optimizer_;
};

// Runs `work` once to warm up and then `rounds` times; what went wrong is a line, too, so that the
// other things are still measured.
void Measure(const std::string& what, at::Device device, int64_t rounds,
             const std::function<at::Tensor()>& work,
             const std::function<json(const at::Tensor& first)>& describe) {
  json line = {{"what", what}};
  try {
    ResetPeakMemory(device);
    line["value"] = describe(work());
    for (int64_t i = 0; i < rounds; ++i) {
      Synchronize(device);
      const auto start = std::chrono::steady_clock::now();
      work();
      Synchronize(device);
      const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
      line["seconds"].push_back(taken.count());
    }
    line["peak_bytes"] = PeakMemory(device);
  } catch (const std::exception& error) {
    const std::string message = error.what();
    line["error"] = message.substr(0, message.find('\n'));
  }
  std::cout << line.dump() << std::endl;
}

// A product of two square matrices, in the type that the networks compute in. Measured before and
// after all else: how far the two are apart says how steady the machine was.
void MeasureProduct(const char* what, const Bench& bench, int64_t side) {
  const auto options = at::TensorOptions(bench.device()).dtype(bench.type());
  const at::Tensor a = at::randn({side, side}, options), b = at::randn({side, side}, options);
  at::Tensor out = at::empty({side, side}, options);
  const auto product = [&] { return at::mm_out(out, a, b); };
  for (int i = 0; i < 3; ++i) product();
  Measure(what, bench.device(), 10, product, [](const at::Tensor&) { return json(); });
}

int Run(const fs::path& folder) {
  const json run = json::parse(std::ifstream(folder / "run.json"));
  const int64_t rounds = run.at("rounds");
  if (run.contains("threads")) at::set_num_threads(run.at("threads").get<int>());
  Bench bench(folder, run);
  const at::Device device = bench.device();
  MeasureProduct("product", bench, run.at("product"));

  at::Tensor images;
  Measure(
      "images", device, rounds, [&] { return bench.MakeImages(); },
      [&](const at::Tensor& first) {
        images = first.cpu();
        WriteSafetensors(folder / "images.safetensors", {{"images", images}}, {});
        return json(0.0);
      });
  const auto loss = [](const at::Tensor& first) { return json(first.item<double>()); };
  bench.BeginTraining();
  Measure(
      "fit", device, rounds, [&] { return bench.FitStep(); }, loss);
  bench.EndTraining();
  bench.BeginTraining();
  Measure(
      "align", device, rounds, [&] { return bench.AlignStep(); }, loss);
  bench.EndTraining();
  MeasureProduct("product, after", bench, run.at("product"));
  if (!device.is_cuda()) return 0;
  // Last: a recording that breaks off leaves the device unusable.
  std::unique_ptr<Recording> recording;
  Measure(
      "images, graph", device, rounds,
      [&] {
        if (!recording) {
          recording = std::make_unique<Recording>([&] { return bench.MakeImages(); });
        }
        return recording->Replay();
      },
      [&](const at::Tensor& first) {  // against the images that were made without a graph
        return json((first.cpu() - images).norm().item<double>() / images.norm().item<double>());
      });
  return 0;
}

}  // namespace
}  // namespace alignflow

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: benchmark_sd35 FOLDER (made by benchmarks/sd35.py)\n";
    return 2;
  }
  try {
    return alignflow::Run(argv[1]);
  } catch (const std::exception& error) {
    std::cerr << "benchmark_sd35: " << error.what() << '\n';
    return 1;
  }
}
