// Our U-Net and ControlNet for benchmarks/unet_cpu.py and benchmarks/motfm/peer.py, which time them
// beside MONAI's and MOTFM's: answers one line for each line on stdin.
//   load FILE DTYPE THREADS BATCH   weights and configuration; DTYPE float32 or bfloat16, which
//   only
//                                   some CPUs have: others answer "unavailable"
//   train COUNT                     AdamW steps on the velocity loss
//   sample COUNT                    Euler steps over the batch
// train and sample answer with the seconds they took and the last loss, or the norm of the result.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/autocast_mode.h>

#include <chrono>
#include <iostream>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "worker/models/cpu_memory.h"
#include "worker/models/safetensors.h"
#include "worker/models/scoped_autocast.h"
#include "worker/models/unet/merged_model.h"
#include "worker/training/optimizer.h"

namespace alignflow {
namespace {

class Bench {
 public:
  Bench(const std::string& path, bool bfloat16, int64_t batch) : bfloat16_(bfloat16) {
    const SafetensorsFile file(path);
    config_ = UNetConfigFromJson(nlohmann::json::parse(file.metadata().at("config")));
    model_ = std::make_unique<MergedModel>(config_);
    std::map<std::string, at::Tensor> weights;
    for (const std::string& name : file.Names()) {
      if (name.starts_with("unet.") || name.starts_with("controlnet.")) {
        weights.emplace(name, file.Get(name));
      }
    }
    CopyState(weights, StateOf(*model_), path);
    optimizer_.emplace(model_->parameters());
    data_ = file.Get("data").narrow(0, 0, batch).clone();
    noise_ = file.Get("noise").narrow(0, 0, batch).clone();
    t_ = file.Get("t").narrow(0, 0, batch).clone();
    if (config_.mask_conditioning) {
      condition_.mask = file.Get("mask").narrow(0, 0, batch).clone();
    }
  }

  double Train(int64_t count) {
    double loss_value = 0;
    for (int64_t i = 0; i < count; ++i) {
      std::vector<int64_t> per_sample(data_.dim(), 1);
      per_sample[0] = t_.numel();
      const at::Tensor t = t_.reshape(per_sample);
      const at::Tensor x = t * data_ + (1 - t) * noise_;
      at::Tensor loss = (Velocity(*model_, x, t_) - (data_ - noise_)).square().mean();
      loss.backward();
      optimizer_->Step(1e-4);
      loss_value = loss.item<double>();
    }
    return loss_value;
  }

  // A model that samples is a frozen copy.
  void PrepareToSample() {
    frozen_ = std::make_unique<MergedModel>(config_);
    CopyState(StateOf(*model_), StateOf(*frozen_), "the copy");
    frozen_->Freeze();
  }

  double Sample(int64_t count) {
    const c10::InferenceMode guard;
    at::Tensor x = noise_;
    for (int64_t i = 0; i < count; ++i) {
      const at::Tensor t = at::full({x.size(0)}, static_cast<double>(i) / count);
      x = x + Velocity(*frozen_, x, t) / static_cast<double>(count);
    }
    return x.norm().item<double>();
  }

 private:
  at::Tensor Velocity(MergedModel& model, const at::Tensor& x, const at::Tensor& t) {
    if (!bfloat16_) return model.Velocity(x, t, condition_);
    at::autocast::set_autocast_enabled(at::kCPU, true);
    at::Tensor velocity = model.Velocity(x, t, condition_).to(at::kFloat);
    at::autocast::clear_cache();
    at::autocast::set_autocast_enabled(at::kCPU, false);
    return velocity;
  }

  bool bfloat16_;
  UNetConfig config_;
  std::unique_ptr<MergedModel> model_, frozen_;
  std::optional<AdamW> optimizer_;
  at::Tensor data_, noise_, t_;
  Condition condition_;
};

int Run() {
  std::optional<Bench> bench;
  std::string line;
  while (std::getline(std::cin, line)) {
    std::istringstream words(line);
    std::string command;
    words >> command;
    if (command == "load") {
      std::string path, dtype;
      int threads = 0;
      int64_t batch = 0;
      words >> path >> dtype >> threads >> batch;
      at::set_num_threads(threads);
      if (dtype == "bfloat16" && !CpuHasBfloat16()) {
        std::cout << "unavailable" << std::endl;
        continue;
      }
      bench.emplace(path, dtype == "bfloat16", batch);
      std::cout << "loaded" << std::endl;
      continue;
    }
    int64_t count = 0;
    words >> count;
    if (command == "sample") bench->PrepareToSample();
    const auto start = std::chrono::steady_clock::now();
    const double value = command == "train" ? bench->Train(count) : bench->Sample(count);
    const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
    std::cout << taken.count() << ' ' << value << std::endl;
  }
  return 0;
}

}  // namespace
}  // namespace alignflow

int main() {
  alignflow::KeepFreedMemory();
  return alignflow::Run();
}
