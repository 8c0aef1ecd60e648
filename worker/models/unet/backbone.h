#ifndef ALIGNFLOW_WORKER_MODELS_UNET_BACKBONE_H_
#define ALIGNFLOW_WORKER_MODELS_UNET_BACKBONE_H_

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "worker/models/backbone.h"
#include "worker/models/unet/styled_codec.h"
#include "worker/models/unet/unet_config.h"

namespace alignflow {

class MergedModel;

// What a model file's header says about the network.
struct UNetBackboneConfig {
  std::string preset;
  int64_t image_size = 64;  // training side in pixels or voxels; other sizes run, too, if they are
                            // multiples of 'multiple' below
  int64_t image_channels = 3;
  int64_t block = 2;  // of SpaceToDepth
  UNetConfig unet;    // in_channels and out_channels are those of the latent;
                      // conditioning_embedding_in_channels is K block^dims, or 1 (mask_values)

  // What models that were trained elsewhere have otherwise (motfm_import.h).
  bool predicts_velocity = false;        // the net's output is v itself, its input x_t as it is
  std::vector<double> mask_values = {};  // of the K classes in the ControlNet's one plane
  std::optional<int64_t> context_class = {};  // its one-hot vector is every sample's context

  std::vector<std::string> image_classes = {};  // names of unet.num_class_embeds - 1 classes

  // Values in a block: block^dims.
  int64_t BlockValues() const;
};

// The presets of UNetPresetNames: "unet-..." for pictures, "unet3d-..." for volumes, for
// masks of `classes` classes, and for images of these classes, where there are any. Throws
// std::invalid_argument naming the known presets.
UNetBackboneConfig UNetPreset(const std::string& preset, int64_t classes,
                              const std::vector<std::string>& image_classes = {});
std::vector<std::string> UNetPresetNames();

// MOTFM's U-Net and ControlNet on a SpaceToDepth latent. With sigma the codec's deviation per
// channel, the net F sees x_t at unit variance and predicts the data, from which the velocity
// follows:
//   x1hat = sigma F(x_t / sqrt(t^2 sigma^2 + (1-t)^2), t),    v = (x1hat - x_t) / (1 - t).
// A net that predicts v itself must reproduce the noise in every one of the latent's many weak
// channels, and small nets fail at it. Near t = 1 the error of v is that of x1hat magnified: a loss
// on v should be weighted by ((1-t) / max(1-t, 0.07))^2. The mask enters the ControlNet as its
// blocks' pixels in {-1,1} (BlocksToChannels), so that no convolution runs at full resolution. A
// call without a mask throws std::invalid_argument. Models that were trained elsewhere predict the
// velocity of pixels, with block 1 (UNetBackboneConfig). Not thread-safe.
class UNetBackbone : public Backbone {
 public:
  // Weights drawn from `seed` (the global generator is left as it was); the ControlNet starts as a
  // copy of the U-Net's encoder.
  explicit UNetBackbone(const UNetBackboneConfig& config, uint64_t seed = 0,
                        at::Device device = at::kCPU);
  ~UNetBackbone() override;

  // Reads what Save wrote; `metadata` receives the passthrough strings. Throws std::runtime_error
  // naming the file and every missing, unknown or wrongly shaped tensor.
  static std::unique_ptr<UNetBackbone> Load(const std::filesystem::path& file,
                                            at::Device device = at::kCPU,
                                            std::map<std::string, std::string>* metadata = nullptr);

  at::Tensor Velocity(const at::Tensor& x, const at::Tensor& t,
                      const Condition& condition) override;
  StyledCodec& codec() override { return codec_; }
  std::vector<int64_t> latent_shape() const override;
  at::Device device() const override;
  // One-hot [B,K,S,S] or [B,K,S,S,S] over the K classes that the model is for; with mask_values
  // one plane of those.
  at::Tensor EncodeMasks(const at::Tensor& classes) const override;
  Condition ConditionOn(const at::Tensor& encoded_masks,
                        const at::Tensor& image_classes = {}) const override;
  std::vector<std::string> image_classes() const override { return config_.image_classes; }
  // By the mask; see GuidedVelocity.
  std::unique_ptr<VelocityModel> Guided(double scale) override;
  // U-Net and ControlNet, and the ControlNet alone. A frozen base is the caller's:
  // requires_grad_(false) on the parameters that are in the first list only also saves their share
  // of the backward pass.
  std::vector<at::Tensor> fit_parameters() override;
  std::vector<at::Tensor> align_parameters() override;
  // Of the codec's style head.
  std::vector<at::Tensor> style_parameters() { return codec_.style_parameters(); }
  std::map<std::string, at::Tensor> state() override;
  std::unique_ptr<Backbone> Clone() override;
  void Save(const std::filesystem::path& file,
            const std::map<std::string, std::string>& metadata) override;

  // Quicker by a tenth.
  void Freeze() override;

  const UNetBackboneConfig& config() const { return config_; }

  // at::kFloat (default) or at::kBFloat16: the precision of convolutions and matrix products inside
  // Velocity. Parameters and results stay float32. On a CPU without bfloat16 instructions bfloat16
  // is slower than float32, so it is not taken there.
  void set_compute_dtype(at::ScalarType dtype);

 private:
  // What the net makes of its input, in the compute type.
  at::Tensor Net(const at::Tensor& input, const at::Tensor& t, const Condition& condition);

  UNetBackboneConfig config_;
  StyledCodec codec_;
  std::shared_ptr<MergedModel> model_;
  at::ScalarType compute_dtype_ = at::kFloat;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_MODELS_UNET_BACKBONE_H_
