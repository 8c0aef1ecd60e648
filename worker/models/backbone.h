#ifndef ALIGNFLOW_WORKER_MODELS_BACKBONE_H_
#define ALIGNFLOW_WORKER_MODELS_BACKBONE_H_

#include <ATen/ATen.h>

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "worker/models/latent_codec.h"
#include "worker/models/velocity_model.h"

namespace alignflow {

// A generative model that can be fitted and aligned: codec, base net and control branch as one. The
// tasks and the training loop know models only through this interface. Not thread-safe.
class Backbone : public VelocityModel {
 public:
  virtual LatentCodec& codec() = 0;

  // Shape of one latent without the batch dimension, for drawing noise: {C,h,w}.
  virtual std::vector<int64_t> latent_shape() const = 0;

  // Parameters by name ("unet.*", "controlnet.*", "codec.*" are the U-Net presets' prefixes). fit
  // trains fit_parameters(), align trains align_parameters() (the control branch alone; the base is
  // frozen then).
  virtual std::vector<at::Tensor> fit_parameters() = 0;
  virtual std::vector<at::Tensor> align_parameters() = 0;
  // The parameters of the codec's style head, a global change of style between latent and image;
  // empty for a codec without one.
  virtual std::vector<at::Tensor> style_parameters() = 0;

  // All tensors that Load restores, in a fixed order, sharing memory with the model.
  virtual std::map<std::string, at::Tensor> state() = 0;

  // A deep copy on the same device, in inference form (no gradients): the frozen stage-1 copy v*.
  virtual std::unique_ptr<Backbone> Clone() = 0;

  // Safetensors with a JSON header. `metadata` is kept beside the weights (label table, digests;
  // all strings). Throws std::runtime_error naming the file.
  virtual void Save(const std::filesystem::path& file,
                    const std::map<std::string, std::string>& metadata) = 0;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_MODELS_BACKBONE_H_
