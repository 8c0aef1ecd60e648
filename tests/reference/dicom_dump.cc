// Decodes DICOM files as afctl does, for a comparison with a reference reader
// (tests/e2e/dicom_parity_test.py):
//
//   dicom-dump OUT < PATHS
//
// Of each path a JSON line on stdout, with its number N from 0 on. Frame F of a file that is
// decoded is OUT/N-F.raw: the stored samples as float64, channels together; OUT/N-F.values: greys
// after the modality's rule, as float32; and of pictures OUT/N-F.png: what is shown.
#include <filesystem>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <opencv2/core.hpp>
#include <opencv2/imgcodecs.hpp>

#include "absl/strings/str_cat.h"
#include "worker/dicom/dicom_frame.h"

namespace alignflow {
namespace {

using Json = nlohmann::json;

void WriteRaw(const std::string& file, const cv::Mat& samples, int depth) {
  cv::Mat wide;
  samples.convertTo(wide, depth);
  std::ofstream(file, std::ios::binary)
      .write(reinterpret_cast<const char*>(wide.data),
             static_cast<std::streamsize>(wide.total() * wide.elemSize()));
}

Json Dump(const std::string& path, const std::string& out) {
  const absl::StatusOr<std::string> bytes = ReadDicomBytes(path);
  if (!bytes.ok()) return {{"error", std::string(bytes.status().message())}};
  const absl::StatusOr<ParsedDicom> dicom = ParseDicom(*bytes);
  if (!dicom.ok()) return {{"error", std::string(dicom.status().message())}};
  const DicomHeader& header = dicom->header;
  Json line{{"frames", header.frames},           {"rows", header.rows},
            {"columns", header.columns},         {"samples", header.samples},
            {"photometric", header.photometric}, {"aspect", header.pixel_aspect}};
  for (int64_t frame = 0; frame < header.frames; ++frame) {
    const absl::StatusOr<StoredFrame> stored = DecodeFrame(*dicom, frame);
    if (!stored.ok()) return {{"error", std::string(stored.status().message())}};
    const std::string name = absl::StrCat(out, "-", frame);
    line["decoded_photometric"] = stored->photometric;
    WriteRaw(name + ".raw", stored->samples, CV_64F);
    if (header.samples == 1) {
      WriteRaw(name + ".values", ModalityValues(*stored, header.GreyOf(frame)), CV_32F);
    }
    const absl::StatusOr<cv::Mat> shown = ShownFrame(*dicom, frame, std::nullopt);
    if (!shown.ok()) {
      line["refused"] = std::string(shown.status().message());
    } else {
      cv::imwrite(name + ".png", *shown);
    }
    line["own_window"] = HasOwnWindow(header, frame);
  }
  const absl::StatusOr<DicomHeader> alone = ReadDicomHeader(path);
  line["frames_of_header"] = alone.ok() ? alone->frames : -1;
  return line;
}

}  // namespace
}  // namespace alignflow

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  int number = 0;
  for (std::string path; std::getline(std::cin, path); ++number) {
    std::cout << alignflow::Dump(path, absl::StrCat(argv[1], "/", number)) << std::endl;
  }
  return 0;
}
