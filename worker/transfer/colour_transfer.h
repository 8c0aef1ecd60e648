#ifndef ALIGNFLOW_WORKER_TRANSFER_COLOUR_TRANSFER_H_
#define ALIGNFLOW_WORKER_TRANSFER_COLOUR_TRANSFER_H_

#include <ATen/ATen.h>

// What a user would try first: the source images themselves, recoloured to the references. No
// training. Masks stay valid, because no pixel moves.
namespace alignflow {

// Mean and standard deviation over the fields of view of all images: of colour in CIELAB, images
// being float [N,3,H,W] in [-1,1], sRGB, or of the grey values of volumes [N,1,D,H,W] in [-1,1],
// whose field of view is the body. Without a single pixel in view, of all pixels.
struct ColourMoments {
  at::Tensor mean;       // [3] or [1]
  at::Tensor deviation;  // [3] or [1]
};
ColourMoments MomentsInView(const at::Tensor& images);

// Reinhard's transfer (Reinhard, Ashikhmin, Gooch, Shirley 2001, in CIELAB instead of
// l-alpha-beta): each image's moments become the references'. Around the field of view images stay
// as they are, and toward it they pass over smoothly: what is as dark as the surroundings but lies
// within, as a lumen does, has no edge that the image did not have. images: as above; returns the
// same shape.
at::Tensor TransferReinhard(const at::Tensor& images, const ColourMoments& references);

// Fourier domain adaptation (Yang and Soatto 2020, eq. 3): amplitudes of the frequencies below
// `beta` of the band are those of `styles`, phases stay. images and styles: [B,C,...] in [-1,1].
at::Tensor TransferFourier(const at::Tensor& images, const at::Tensor& styles, double beta);

// sRGB in [-1,1] to CIELAB (D65; L in [0,100]) and back, clamped. [B,3,H,W].
at::Tensor LabOfRgb(const at::Tensor& images);
at::Tensor RgbOfLab(const at::Tensor& lab);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_TRANSFER_COLOUR_TRANSFER_H_
