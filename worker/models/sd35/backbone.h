#ifndef ALIGNFLOW_WORKER_MODELS_SD35_BACKBONE_H_
#define ALIGNFLOW_WORKER_MODELS_SD35_BACKBONE_H_

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "worker/models/backbone.h"
#include "worker/models/grey_pictures.h"
#include "worker/models/sd35/base.h"
#include "worker/models/sd35/codec.h"
#include "worker/models/sd35/controlnet.h"

namespace alignflow {

// The masks and images that a Sd35Backbone is for.
struct Sd35Images {
  int64_t size = 512;  // side in pixels
  // The grey value of each class, background first.
  std::vector<uint8_t> greys;
};

// Blocks of a ControlNet that is made from a transformer: 12, as in the reference, or all of a
// shorter one's.
int64_t NewControlNetBlocks(const SD3TransformerConfig& transformer);

// SD 3.5 with a ControlNet that alone trains; transformer, autoencoder and text embeddings are a
// base that backbones share. A mask enters as the autoencoder's latent of a grey picture. The
// ControlNet's parameters are float32 while they train; it computes in the base's type. Not
// thread-safe.
class Sd35Backbone : public Backbone {
 public:
  // With the ControlNet of the folder's controlnet/ or, where there is none, one made from the
  // transformer's first NewControlNetBlocks, which changes nothing yet. Throws
  // std::invalid_argument for a size that the model cannot make, std::runtime_error naming file and
  // field or tensor.
  Sd35Backbone(std::shared_ptr<const Sd35Base> base, const Sd35Images& images);

  // With the ControlNet that Save wrote; `metadata` receives the passthrough strings. Throws
  // std::runtime_error naming the file, also if it was trained on another base.
  static std::unique_ptr<Sd35Backbone> Load(const std::filesystem::path& file,
                                            std::shared_ptr<const Sd35Base> base,
                                            const Sd35Images& images,
                                            std::map<std::string, std::string>* metadata = nullptr);

  at::Tensor Velocity(const at::Tensor& x, const at::Tensor& t,
                      const Condition& condition) override;
  LatentCodec& codec() override { return codec_; }
  std::vector<int64_t> latent_shape() const override { return latent_shape_; }
  at::Device device() const override { return base_->options().device(); }
  bool pretrained() const override { return true; }
  // The control latents [B,C,h,w].
  at::Tensor EncodeMasks(const at::Tensor& classes) const override;
  Condition ConditionOn(const at::Tensor& encoded_masks,
                        const at::Tensor& image_classes = {}) const override;
  void DropPrompts(Condition& condition, at::Generator& random) const override;
  // By the text; see TextGuidedVelocity.
  std::unique_ptr<VelocityModel> Guided(double scale) override;
  // The reference's schedule.
  std::vector<double> SamplingTimes(int64_t steps, double start) const override;
  // Brings the ControlNet to the base's type.
  void Freeze() override;

  // Both the ControlNet's.
  std::vector<at::Tensor> fit_parameters() override { return controlnet_->parameters(); }
  std::vector<at::Tensor> align_parameters() override { return controlnet_->parameters(); }
  std::map<std::string, at::Tensor> state() override;
  std::unique_ptr<Backbone> Clone() override;
  // The ControlNet alone with diffusers' names; in the metadata its config.json (as
  // "config.json") and the base's fingerprint.
  void Save(const std::filesystem::path& file,
            const std::map<std::string, std::string>& metadata) override;

 private:
  Sd35Backbone(std::shared_ptr<const Sd35Base> base, const Sd35Images& images,
               std::shared_ptr<SD3ControlNet> controlnet);

  std::shared_ptr<const Sd35Base> base_;
  Sd35Images images_;
  GreyPictures pictures_;
  std::vector<int64_t> latent_shape_;
  Sd35Codec codec_;
  std::shared_ptr<SD3ControlNet> controlnet_;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_MODELS_SD35_BACKBONE_H_
