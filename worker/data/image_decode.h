#ifndef ALIGNFLOW_WORKER_DATA_IMAGE_DECODE_H_
#define ALIGNFLOW_WORKER_DATA_IMAGE_DECODE_H_

#include <opencv2/core/mat.hpp>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/data/image_rule.h"
#include "common/data/label_table.h"
#include "common/data/manifest.h"

// Encoded bytes to pixels and back: the one decoder of afctl and of the worker. `name` is what
// errors call the file. What is read is image_rule.h's rule; besides, a file is refused with
// InvalidArgument if it is damaged or, a mask, if its pixels have no clear label values. Pictures
// come back turned as their EXIF or TIFF orientation says. Nothing is ever printed. All functions
// are thread-safe.
namespace alignflow {

// A decoded file and what there is to say about it.
struct DecodedFile {
  cv::Mat pixels;
  ImageHeader header;
  ReadNotes notes;
  int greatest_sample = 0;  // of an image of 16 bits per sample; 0 for others
};

// pixels: BGR, 8 bits. Grey becomes three equal channels, alpha is dropped, a palette is looked up.
// Of 16-bit samples the value 2^sample_bits - 1 becomes 255; one above it is refused, because the
// set was said to have none.
absl::StatusOr<DecodedFile> ReadImage(std::string_view bytes, std::string_view name,
                                      int sample_bits = kAllSampleBits);
absl::StatusOr<cv::Mat> DecodeImage(std::string_view bytes, std::string_view name,
                                    int sample_bits = kAllSampleBits);

// The bits that a set of images uses whose greatest 16-bit sample is this: 1 to 16. 16 for 0, which
// means that there are none.
int SampleBits(int greatest_sample);

// pixels: one channel, 8 bits, label values.
//
// Without a table: grey values as stored. Equal channels, a constant alpha and a palette of greys
// are grey values; other palettes give their indices. 16 bits are read where the values fit in 8.
// Colours are refused, with those that occur. A file stored with loss is taken as it is, so its
// values are not yet label values.
//
// With a table of grey values: the same, but of a file stored with loss each pixel gets the nearest
// value; it is refused if 2 % or more of its pixels are further than 16 from every value. Values
// are else not checked against the table: LabelTable::CheckMask does.
//
// With a table of colours: each pixel's colour becomes its class's value (LabelTable), nearest as
// above where there was loss; other colours are refused.
absl::StatusOr<DecodedFile> ReadMask(std::string_view bytes, std::string_view name,
                                     const LabelTable* labels = nullptr);
absl::StatusOr<cv::Mat> DecodeMask(std::string_view bytes, std::string_view name,
                                   const LabelTable* labels = nullptr);

// PNG bytes of an 8-bit image (BGR) or mask (one channel); the same bytes for the same pixels.
absl::StatusOr<std::string> EncodePng(const cv::Mat& image);
// A mask of label values as a PNG in the coding of the table: grey values, or colours.
absl::StatusOr<std::string> EncodeMask(const cv::Mat& values, const LabelTable& labels);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_DATA_IMAGE_DECODE_H_
