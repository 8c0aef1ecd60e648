#ifndef ALIGNFLOW_WORKER_MODELS_UNET_STYLED_CODEC_H_
#define ALIGNFLOW_WORKER_MODELS_UNET_STYLED_CODEC_H_

#include <map>
#include <string>
#include <vector>

#include "worker/models/latent_codec.h"
#include "worker/models/unet/space_to_depth.h"

namespace alignflow {

// SpaceToDepth with a style head between latent and image: a global change of colours and of
// texture's strength, which cannot touch layout. With x the plain codec's image of a latent z and w
// its field of view,
//   image = w (y + colour(y)) + (1-w) x,
//   y = plain decoding of (exp(gain) (z - centre) + centre + offset deviation),
// where colour is a perceptron on each pixel alone (image channels -> 16 -> image channels).
// Outside the field of view nothing changes: a scanner's style is not in its black border. The
// identity until it is matched or trained. Encode has no style: it is for source images. Pictures
// in one channel are grey: they are decoded to three equal ones, and the mean of three is encoded.
class StyledCodec : public LatentCodec {
 public:
  StyledCodec(int64_t channels, int64_t block, int64_t spatial_dims = 2);

  at::Tensor Encode(const at::Tensor& image) const override;
  at::Tensor Decode(const at::Tensor& latent) const override;

  // Where training of the style begins: each latent channel of `latents` [N,C,...] gets the mean
  // and the deviation that it has in `references`, images [M,C,...], both within the field of view;
  // deviations change fourfold at most. The colour perceptron's first layer is drawn from
  // `generator` and its last is zero.
  void MatchMoments(const at::Tensor& latents, const at::Tensor& references,
                    at::Generator generator);

  SpaceToDepth& blocks() { return blocks_; }
  const SpaceToDepth& blocks() const { return blocks_; }
  // Gain and offset [D] and the perceptron's two layers, which Decode is differentiable in.
  std::vector<at::Tensor> style_parameters() const;
  // The plain codec's tensors, "style_gain", "style_offset", "style_centre" [D],
  // "style_colour.{0,1}.{weight,bias}"; float32, sharing memory with the codec.
  std::map<std::string, at::Tensor> state() const;
  void To(at::Device device);

 private:
  SpaceToDepth blocks_;
  bool grey_;
  at::Tensor gain_, offset_, centre_;                       // [D]
  at::Tensor hidden_, hidden_bias_, colour_, colour_bias_;  // [16,C], [16], [C,16], [C]
};

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_MODELS_UNET_STYLED_CODEC_H_
