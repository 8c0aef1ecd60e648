#ifndef ALIGNFLOW_TESTS_WORKER_DICOM_DICOM_BYTES_H_
#define ALIGNFLOW_TESTS_WORKER_DICOM_DICOM_BYTES_H_

#include <cstdint>
#include <map>
#include <opencv2/core.hpp>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

namespace alignflow {

inline std::string LittleEndian(uint64_t value, int bytes) {
  std::string text;
  for (int i = 0; i < bytes; ++i) text += static_cast<char>(value >> 8 * i);
  return text;
}

// A DICOM file written by hand, explicitly in little endian.
class DicomBytes {
 public:
  DicomBytes() {
    Text(0x00080016, "UI", "1.2.840.10008.5.1.4.1.1.7");  // secondary capture
    Text(0x00080060, "CS", "OT");
  }
  // Grey or RGB pixels of 8 or 16 bits, signed where the matrix is.
  explicit DicomBytes(const cv::Mat& pixels, int frames = 1) : DicomBytes() {
    const int bits = pixels.elemSize1() == 1 ? 8 : 16;
    Short(0x00280002, pixels.channels());
    Text(0x00280004, "CS", pixels.channels() == 3 ? "RGB" : "MONOCHROME2");
    if (pixels.channels() == 3) Short(0x00280006, 0);
    if (frames > 1) Text(0x00280008, "IS", std::to_string(frames));
    Short(0x00280010, pixels.rows / frames);
    Short(0x00280011, pixels.cols);
    Short(0x00280100, bits);
    Short(0x00280101, bits);
    Short(0x00280102, bits - 1);
    Short(0x00280103, pixels.depth() == CV_16S || pixels.depth() == CV_8S ? 1 : 0);
    Value(0x7fe00010, "OW",
          std::string(reinterpret_cast<const char*>(pixels.data),
                      pixels.total() * pixels.elemSize()));
  }

  DicomBytes& Value(uint32_t tag, const std::string& vr, std::string value) {
    if (value.size() % 2 != 0) value += vr == "UI" || vr[0] == 'O' ? '\0' : ' ';
    elements_[tag] = {vr, std::move(value)};
    return *this;
  }
  DicomBytes& Text(uint32_t tag, const std::string& vr, const std::string& text) {
    return Value(tag, vr, text);
  }
  DicomBytes& Short(uint32_t tag, int64_t value) {
    return Value(tag, "US", LittleEndian(static_cast<uint64_t>(value), 2));
  }
  DicomBytes& Without(uint32_t tag) {
    elements_.erase(tag);
    return *this;
  }
  // One item of the elements of another.
  DicomBytes& Sequence(uint32_t tag, const DicomBytes& item) {
    return Sequence(tag, std::vector<DicomBytes>{item});
  }
  DicomBytes& Sequence(uint32_t tag, const std::vector<DicomBytes>& items) {
    std::string bytes;
    for (const DicomBytes& item : items) {
      const std::string elements = item.DataSet();
      bytes += LittleEndian(0xe000fffe, 4) + LittleEndian(elements.size(), 4) + elements;
    }
    return Value(tag, "SQ", bytes);
  }

  std::string DataSet() const {
    std::string bytes;
    for (const auto& [tag, element] : elements_) bytes += Element(tag, element);
    return bytes;
  }
  // With preamble and file meta information. `encapsulated`: the pixel data is one fragment.
  std::string File(const std::string& syntax = "1.2.840.10008.1.2.1") const {
    return Meta(syntax) + DataSet();
  }
  static std::string Meta(const std::string& syntax) {
    DicomBytes meta{Empty()};
    meta.Text(0x00020010, "UI", syntax);
    return std::string(128, '\0') + "DICM" + meta.DataSet();
  }
  // The items of a sequence, empty of everything.
  struct Empty {};
  explicit DicomBytes(Empty) {}

 private:
  static std::string Element(uint32_t tag, const std::pair<std::string, std::string>& element) {
    const auto& [vr, value] = element;
    const bool long_length = vr[0] == 'O' || vr == "SQ" || vr == "UN" || vr == "UT";
    return LittleEndian(tag >> 16, 2) + LittleEndian(tag & 0xffff, 2) + vr +
           (long_length ? LittleEndian(0, 2) + LittleEndian(value.size(), 4)
                        : LittleEndian(value.size(), 2)) +
           value;
  }

  std::map<uint32_t, std::pair<std::string, std::string>> elements_;
};

// 1, 2, 3, ... as 16-bit samples.
inline cv::Mat Ramp(int rows, int columns, int type = CV_16U) {
  cv::Mat ramp(rows, columns, CV_64F);
  for (int i = 0; i < rows * columns; ++i) ramp.at<double>(i / columns, i % columns) = i;
  ramp.convertTo(ramp, type);
  return ramp;
}

}  // namespace alignflow

#endif  // ALIGNFLOW_TESTS_WORKER_DICOM_DICOM_BYTES_H_
