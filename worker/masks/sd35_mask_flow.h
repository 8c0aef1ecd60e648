#ifndef ALIGNFLOW_WORKER_MASKS_SD35_MASK_FLOW_H_
#define ALIGNFLOW_WORKER_MASKS_SD35_MASK_FLOW_H_

#include <cstdint>
#include <memory>

#include "worker/masks/mask_flow.h"
#include "worker/models/sd35/backbone.h"

namespace alignflow {

// The mask model of SD 3.5: the transformer itself, fine-tuned on masks as grey pictures, without a
// ControlNet (paper, 3.3). What trains is a copy of the base's transformer or adapters beside it
// (SD3Adapters); the base, which others share, stays as it is. Parameters are float32 while they
// train; it computes in the base's type.
class Sd35MaskFlow : public MaskFlow {
 public:
  // adapter_rank: of the adapters, which are drawn from `random`; 0: a copy of the transformer.
  // Throws std::invalid_argument for a size that the model cannot make.
  Sd35MaskFlow(std::shared_ptr<const Sd35Base> base, const Sd35Images& images, int64_t adapter_rank,
               at::Generator random);

  // Reads what Save wrote; `metadata` receives the passthrough strings. Throws std::runtime_error
  // naming the file, also if it was trained on another base.
  static std::unique_ptr<Sd35MaskFlow> Load(const std::filesystem::path& file,
                                            std::shared_ptr<const Sd35Base> base,
                                            const Sd35Images& images,
                                            std::map<std::string, std::string>* metadata);
  // The rank of the adapters in such a file, 0 for a transformer. Throws std::runtime_error.
  static int64_t AdapterRank(const std::filesystem::path& file);

  at::Tensor Velocity(const at::Tensor& x, const at::Tensor& t,
                      const Condition& condition) override;
  std::vector<int64_t> latent_shape() const override { return latent_shape_; }
  at::Device device() const override { return base_->options().device(); }
  at::Tensor Encode(const at::Tensor& classes) const override;
  // Of the pixels' mean over the channels.
  at::Tensor Decode(const at::Tensor& latents) const override;
  bool pretrained() const override { return true; }
  Condition SamplingCondition(int64_t count) const override { return base_->Prompted(count); }
  Condition TrainingCondition(int64_t count, at::Generator& random) const override;
  // The reference's schedule. No guidance: of a mask the prompt says nothing.
  std::vector<double> SamplingTimes() const override;
  std::vector<at::Tensor> parameters() override { return trained().parameters(); }
  // The transformer in the type in which it samples, with diffusers' names, or the adapters with
  // the names that diffusers' load_lora_weights reads; in the metadata the rank and the base's
  // fingerprint.
  void Save(const std::filesystem::path& file,
            const std::map<std::string, std::string>& metadata) override;

 private:
  // What trains is left as found in memory.
  Sd35MaskFlow(std::shared_ptr<const Sd35Base> base, const Sd35Images& images, int64_t adapter_rank,
               const at::TensorOptions& options);

  const torch::nn::Module& trained() const;
  // Its tensors under the names that they have in a file.
  std::map<std::string, at::Tensor> State() const;

  std::shared_ptr<const Sd35Base> base_;
  GreyPictures pictures_;
  std::vector<int64_t> latent_shape_;
  Sd35Codec codec_;
  int64_t adapter_rank_;
  std::shared_ptr<SD3Transformer> transformer_;  // null with adapters
  std::shared_ptr<SD3Adapters> adapters_;        // null without
};

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_MASKS_SD35_MASK_FLOW_H_
