// The mask's half of image_decode.h.
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <opencv2/imgproc.hpp>
#include <unordered_map>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "worker/data/image_decode.h"
#include "worker/data/stored_image.h"

namespace alignflow {
namespace {

constexpr int kNear = LabelTable::kNear;
constexpr double kMostFar = LabelTable::kMostFar;
constexpr size_t kShownColours = 6;

absl::Status Refused(const std::string& reason_and_remedy) {
  return absl::InvalidArgumentError(reason_and_remedy);
}

void Note(ReadNote note, ReadNotes& notes) { notes.set(static_cast<size_t>(note)); }

uint32_t Rgb(const cv::Vec3b& bgr) {
  return static_cast<uint32_t>(bgr[2]) << 16 | static_cast<uint32_t>(bgr[1]) << 8 | bgr[0];
}

bool IsGrey(const cv::Vec3b& colour) { return colour[0] == colour[1] && colour[1] == colour[2]; }

// 8 bits of 16: values that fit, or 8-bit values stretched to 16 (times 257).
absl::StatusOr<cv::Mat> Narrowed(const cv::Mat& samples) {
  double greatest = 0;
  cv::minMaxLoc(samples.reshape(1), nullptr, &greatest);
  cv::Mat narrow;
  if (greatest <= 255) {
    samples.convertTo(narrow, CV_8U);
    return narrow;
  }
  samples.convertTo(narrow, CV_8U, 1.0 / 257);
  cv::Mat stretched;
  narrow.convertTo(stretched, CV_16U, 257);
  if (cv::norm(samples, stretched, cv::NORM_INF) == 0) return narrow;
  return Refused(absl::StrFormat(
      "the mask has 16 bits and values up to %d, but label values are 0 to 255; give each "
      "structure a value of its own there and store the mask with 8 bits",
      static_cast<int>(greatest)));
}

// Grey or BGR without the alpha channel, which must say nothing.
absl::StatusOr<cv::Mat> WithoutAlpha(const cv::Mat& samples) {
  const int channels = samples.channels();
  if (channels != 2 && channels != 4) return samples;
  cv::Mat alpha, rest;
  cv::extractChannel(samples, alpha, channels - 1);
  double least = 0, greatest = 0;
  cv::minMaxLoc(alpha, &least, &greatest);
  if (least != greatest) {
    return Refused(
        "the mask's transparency differs from pixel to pixel, so its label values are not clear; "
        "flatten it onto one background and store it without transparency");
  }
  if (channels == 2) {
    cv::extractChannel(samples, rest, 0);
  } else {
    cv::cvtColor(samples, rest, cv::COLOR_BGRA2BGR);
  }
  return rest;
}

absl::Status ColouredMask(const cv::Mat& bgr) {
  std::map<uint32_t, int64_t> counts;
  int64_t coloured = 0;
  for (auto pixel = bgr.begin<cv::Vec3b>(); pixel != bgr.end<cv::Vec3b>(); ++pixel) {
    coloured += !IsGrey(*pixel);
    if (counts.size() <= 256 || counts.contains(Rgb(*pixel))) ++counts[Rgb(*pixel)];
  }
  std::vector<std::pair<uint32_t, int64_t>> most(counts.begin(), counts.end());
  std::ranges::stable_sort(most, std::ranges::greater{},
                           [](const auto& entry) { return entry.second; });
  const bool many = most.size() > kShownColours;
  if (many) most.resize(kShownColours);
  const std::string colours = absl::StrJoin(most, ", ", [](std::string* text, const auto& entry) {
    absl::StrAppend(text, ColourText(entry.first), " (", entry.second, ")");
  });
  return Refused(absl::StrFormat(
      "the mask is coloured (%d pixels), with the colours %s%s; say what they mean, as in --labels "
      "'polyp=#ff0000,background=#000000', or store it as grey values",
      coloured, colours, many ? " and more" : ""));
}

// The values of a picture in colours, all of which are grey. Loss makes channels differ a little.
absl::StatusOr<cv::Mat> GreysOf(const cv::Mat& bgr, bool lossy) {
  int64_t far = 0;
  cv::Mat greys(bgr.size(), CV_8U);
  for (int row = 0; row < bgr.rows; ++row) {
    for (int column = 0; column < bgr.cols; ++column) {
      const cv::Vec3b& pixel = bgr.at<cv::Vec3b>(row, column);
      const auto [least, greatest] = std::minmax({pixel[0], pixel[1], pixel[2]});
      far += greatest - least > (lossy ? kNear : 0);
      greys.at<uint8_t>(row, column) = pixel[1];
    }
  }
  const bool grey = far == 0 || (lossy && static_cast<double>(far) < kMostFar * bgr.total());
  if (!grey) return ColouredMask(bgr);
  return greys;
}

// Whether so few pixels are far from every label that loss explains them.
absl::Status CheckFar(int64_t far, size_t total, const LabelTable& labels) {
  if (static_cast<double>(far) < kMostFar * static_cast<double>(total)) return absl::OkStatus();
  return Refused(absl::StrFormat(
      "%.1f %% of the mask's pixels are further than %d from every label of %s, and compression "
      "with loss does not move so many; correct --labels, or store the mask as PNG from its origin",
      100.0 * far / total, kNear, labels.ToString()));
}

struct NearestClassOf {
  uint8_t value = 0;  // of the class
  int distance = 0;   // 0 where it is the class's own colour
};

NearestClassOf NearestClass(uint32_t rgb, const LabelTable& labels) {
  NearestClassOf nearest{0, 256};
  for (int label = 0; label < labels.classes(); ++label) {
    int distance = 0;
    for (const int shift : {0, 8, 16}) {
      const int a = rgb >> shift & 0xff, b = labels.ColourOf(label) >> shift & 0xff;
      distance = std::max(distance, std::abs(a - b));
    }
    if (distance < nearest.distance) {
      nearest = {static_cast<uint8_t>(labels.ValueOf(label)), distance};
    }
  }
  return nearest;
}

absl::StatusOr<cv::Mat> ValuesOfColours(const cv::Mat& bgr, const LabelTable& labels, bool lossy) {
  constexpr size_t kKept = 65536;  // of a photograph's colours, which are too many to keep
  cv::Mat values(bgr.size(), CV_8U);
  std::unordered_map<uint32_t, NearestClassOf> known;
  int64_t far = 0;
  uint32_t last = 0, stray = 0;
  NearestClassOf nearest = NearestClass(last, labels);
  for (int row = 0; row < bgr.rows; ++row) {
    for (int column = 0; column < bgr.cols; ++column) {
      const uint32_t colour = Rgb(bgr.at<cv::Vec3b>(row, column));
      if (colour != last) {
        if (known.size() > kKept) known.clear();
        const auto [found, added] = known.try_emplace(colour);
        if (added) found->second = NearestClass(colour, labels);
        nearest = found->second;
        last = colour;
      }
      if (nearest.distance > (lossy ? kNear : 0) && far++ == 0) stray = colour;
      values.at<uint8_t>(row, column) = nearest.value;
    }
  }
  if (lossy) {
    const absl::Status status = CheckFar(far, bgr.total(), labels);
    if (!status.ok()) return status;
  } else if (far > 0) {
    return Refused(absl::StrFormat(
        "%d pixels have colours, such as %s, that are not in the label table %s; add them with "
        "--labels, or correct the mask (smoothed edges make such colours)",
        far, ColourText(stray), labels.ToString()));
  }
  return values;
}

// Of greys stored with loss.
absl::StatusOr<cv::Mat> ValuesOfGreys(const cv::Mat& greys, const LabelTable& labels) {
  cv::Mat table(1, 256, CV_8U), values;
  std::array<bool, 256> is_far{};
  for (int grey = 0; grey < 256; ++grey) {
    int nearest = labels.background();
    for (int label = 1; label < labels.classes(); ++label) {
      if (std::abs(grey - labels.ValueOf(label)) < std::abs(grey - nearest)) {
        nearest = labels.ValueOf(label);
      }
    }
    table.at<uint8_t>(grey) = static_cast<uint8_t>(nearest);
    is_far[grey] = std::abs(grey - nearest) > kNear;
  }
  const auto far = std::count_if(greys.begin<uint8_t>(), greys.end<uint8_t>(),
                                 [&](uint8_t grey) { return is_far[grey]; });
  const absl::Status status = CheckFar(far, greys.total(), labels);
  if (!status.ok()) return status;
  cv::LUT(greys, table, values);
  return values;
}

// Of a palette: its colours, if these are what labels mean; its greys, if it has nothing else; or
// the indices.
cv::Mat ResolvePalette(const StoredImage& stored, bool colours, ReadNotes& notes) {
  if (colours) return LookedUp(stored);
  if (!std::ranges::all_of(stored.palette, IsGrey)) {
    Note(ReadNote::kPaletteIndex, notes);
    return stored.samples;
  }
  Note(ReadNote::kPaletteGreys, notes);
  cv::Mat greys;
  cv::extractChannel(LookedUp(stored), greys, 0);
  return greys;
}

absl::StatusOr<cv::Mat> ValuesOf(const StoredImage& stored, const ImageHeader& header,
                                 const LabelTable* labels, ReadNotes& notes) {
  const bool coloured = labels != nullptr && labels->coloured();
  cv::Mat samples = stored.samples;
  if (!stored.palette.empty()) samples = ResolvePalette(stored, coloured, notes);
  if (samples.depth() == CV_16U) {
    absl::StatusOr<cv::Mat> narrow = Narrowed(samples);
    if (!narrow.ok()) return narrow.status();
    Note(ReadNote::kNarrowed, notes);
    samples = *std::move(narrow);
  }
  absl::StatusOr<cv::Mat> opaque = WithoutAlpha(samples);
  if (!opaque.ok()) return opaque.status();
  samples = *std::move(opaque);
  if (coloured) {
    if (samples.channels() == 1) cv::cvtColor(samples, samples, cv::COLOR_GRAY2BGR);
    return ValuesOfColours(samples, *labels, header.lossy);
  }
  if (samples.channels() == 3) {
    absl::StatusOr<cv::Mat> greys = GreysOf(samples, header.lossy);
    if (!greys.ok()) return greys.status();
    Note(ReadNote::kEqualChannels, notes);
    samples = *std::move(greys);
  }
  if (header.lossy && labels != nullptr) return ValuesOfGreys(samples, *labels);
  return samples;
}

}  // namespace

absl::StatusOr<DecodedFile> ReadMask(std::string_view bytes, std::string_view name,
                                     const LabelTable* labels) {
  const auto named = [&](const absl::Status& status) {
    return absl::Status(status.code(),
                        absl::StrFormat("%s: %s", name, std::string(status.message())));
  };
  absl::StatusOr<ProbedFile> probed = ProbeFile(bytes, FileRole::kMask);
  if (!probed.ok()) return named(probed.status());
  const absl::StatusOr<StoredImage> stored = DecodeStored(bytes, probed->header);
  if (!stored.ok()) return named(stored.status());
  DecodedFile file{{}, std::move(probed->header), probed->notes, 0};
  absl::StatusOr<cv::Mat> values = ValuesOf(*stored, file.header, labels, file.notes);
  if (!values.ok()) return named(values.status());
  file.pixels = Oriented(*values, file.header.orientation);
  return file;
}

}  // namespace alignflow
