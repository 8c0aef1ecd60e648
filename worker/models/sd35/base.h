#ifndef ALIGNFLOW_WORKER_MODELS_SD35_BASE_H_
#define ALIGNFLOW_WORKER_MODELS_SD35_BASE_H_

#include <ATen/ATen.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "worker/models/sd35/autoencoder.h"
#include "worker/models/sd35/schedule.h"
#include "worker/models/sd35/text_embedding.h"
#include "worker/models/sd35/transformer.h"
#include "worker/models/velocity_model.h"

namespace alignflow {

// What never trains of SD 3.5 in a model folder, for one prompt. Shared by the backbones that are
// made on it, which only read it.
struct Sd35Base {
  std::filesystem::path folder;
  std::shared_ptr<const SD3Transformer> transformer;
  std::shared_ptr<const AutoencoderKL> autoencoder;
  FlowMatchSchedule schedule;
  // Rows of the prompt and of the empty prompt: context [2,L,D], pooled [2,P].
  TextEmbedding text;
  // Tells the transformer from others: 16 hexadecimal digits that depend on names, shapes and the
  // beginning of each of its tensors.
  std::string fingerprint;

  at::TensorOptions options() const { return text.context.options(); }  // device and type

  // The shape {C,h,w} of the latent of an image with sides of `size` pixels. Throws
  // std::invalid_argument for a size that the model cannot make.
  std::vector<int64_t> LatentShape(int64_t size) const;
  // A condition of `count` samples on the prompt.
  Condition Prompted(int64_t count) const;
  // Replaces the prompt of each sample by the empty one with probability 1/2.
  void DropPrompts(Condition& condition, at::Generator& random) const;
};

// Reads a folder in diffusers' layout. prompts: the prompt and the empty one. Weights get the
// device and type of `options`. The text encoders are let go once the prompts are embedded. Throws
// std::runtime_error naming file and field or tensor.
std::shared_ptr<const Sd35Base> LoadSd35Base(const std::filesystem::path& folder,
                                             const PromptTokens& prompts,
                                             const at::TensorOptions& options);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_MODELS_SD35_BASE_H_
