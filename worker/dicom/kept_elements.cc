#include "worker/dicom/kept_elements.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace alignflow {
namespace {

constexpr std::string_view kSquare = "pixels are made square", kGrey = "values and window of greys",
                           kLayout = "how pixels are stored", kColours = "colours of a palette",
                           kPlace = "where slices of a volume lie",
                           kSegment = "which label a mask's frame is of";
// Sorted by tag.
constexpr auto kKept = std::to_array<KeptElement>({
    {0x00020010, "Transfer Syntax UID", "how the file is coded"},
    {0x00080016, "SOP Class UID", "whether it is a picture, a volume or none"},
    {0x00080060, "Modality", "whether a window of CT fits"},
    {0x00181164, "Imager Pixel Spacing", kSquare},
    {0x0020000e, "Series Instance UID", "whether slices of a volume are of one series"},
    {0x00200032, "Image Position (Patient)", kPlace},
    {0x00200037, "Image Orientation (Patient)", kPlace},
    {0x00209113, "Plane Position Sequence", kPlace},
    {0x00209116, "Plane Orientation Sequence", kPlace},
    {0x00280002, "Samples per Pixel", kLayout},
    {0x00280004, "Photometric Interpretation", kLayout},
    {0x00280006, "Planar Configuration", kLayout},
    {0x00280008, "Number of Frames", kLayout},
    {0x00280010, "Rows", kLayout},
    {0x00280011, "Columns", kLayout},
    {0x00280030, "Pixel Spacing", "pixels are made square; spacing of a volume"},
    {0x00280034, "Pixel Aspect Ratio", kSquare},
    {0x00280100, "Bits Allocated", kLayout},
    {0x00280101, "Bits Stored", kLayout},
    {0x00280102, "High Bit", kLayout},
    {0x00280103, "Pixel Representation", kLayout},
    {0x00280120, "Pixel Padding Value", "padding becomes black"},
    {0x00280121, "Pixel Padding Range Limit", "padding becomes black"},
    {0x00280301, "Burned In Annotation", "a warning that counts such files"},
    {0x00281050, "Window Center", kGrey},
    {0x00281051, "Window Width", kGrey},
    {0x00281052, "Rescale Intercept", kGrey},
    {0x00281053, "Rescale Slope", kGrey},
    {0x00281056, "VOI LUT Function", kGrey},
    {0x00281101, "Red Palette Color Lookup Table Descriptor", kColours},
    {0x00281102, "Green Palette Color Lookup Table Descriptor", kColours},
    {0x00281103, "Blue Palette Color Lookup Table Descriptor", kColours},
    {0x00281201, "Red Palette Color Lookup Table Data", kColours},
    {0x00281202, "Green Palette Color Lookup Table Data", kColours},
    {0x00281203, "Blue Palette Color Lookup Table Data", kColours},
    {0x00281221, "Segmented Red Palette Color Lookup Table Data", "such files are refused"},
    {0x00283000, "Modality LUT Sequence", kGrey},
    {0x00283002, "LUT Descriptor", kGrey},
    {0x00283006, "LUT Data", kGrey},
    {0x00283010, "VOI LUT Sequence", kGrey},
    {0x00289110, "Pixel Measures Sequence", "pixels are made square; spacing of a volume"},
    {0x00289132, "Frame VOI LUT Sequence", kGrey},
    {0x00289145, "Pixel Value Transformation Sequence", kGrey},
    {0x00620001, "Segmentation Type", "whether a mask has labels, or shares"},
    {0x0062000a, "Segment Identification Sequence", kSegment},
    {0x0062000b, "Referenced Segment Number", kSegment},
    {0x52009229, "Shared Functional Groups Sequence", "sequences above, of all frames"},
    {0x52009230, "Per-Frame Functional Groups Sequence", "sequences above, of each frame"},
    {0x60003000, "Overlay Data", "a warning that counts such files; overlays stay behind"},
    {0x7fe00008, "Float Pixel Data", "such files are refused"},
    {0x7fe00009, "Double Float Pixel Data", "such files are refused"},
    {kPixelDataTag, "Pixel Data", "the picture"},
});

bool IsKept(uint32_t tag) { return std::ranges::binary_search(kKept, tag, {}, &KeptElement::tag); }

// Overlays repeat in the groups 6000 to 60FE.
bool IsOverlay(uint32_t tag) { return (tag & 0xff01ffff) == 0x60003000; }

double Float64(std::string_view bytes, bool big_endian) {
  const uint64_t first = Read32(bytes, big_endian), second = Read32(bytes.substr(4), big_endian);
  return std::bit_cast<double>(big_endian ? first << 32 | second : second << 32 | first);
}

}  // namespace

std::span<const KeptElement> KeptElements() { return kKept; }

std::string TagText(uint32_t tag) {
  return absl::StrFormat("(%04X,%04X)", tag >> 16, tag & 0xffff);
}

absl::StatusOr<KeptDataSet> KeptDataSet::Read(std::string_view bytes, ElementCoding coding,
                                              bool values_of_pixels) {
  KeptDataSet kept;
  ElementWalk walk(bytes, coding);
  while (true) {
    absl::StatusOr<std::optional<DicomElement>> next = walk.Next(values_of_pixels);
    // What lies behind the pixels is of no use, such as padding of a file's last block.
    if (!next.ok() && kept.Find(kPixelDataTag) != nullptr) break;
    if (!next.ok()) return next.status();
    if (!*next) break;
    DicomElement& element = **next;
    if (IsOverlay(element.tag)) {
      kept.has_overlays_ = true;
    } else if (IsKept(element.tag)) {
      kept.elements_.try_emplace(element.tag, std::move(element));
    }
  }
  return kept;
}

const DicomElement* KeptDataSet::Find(uint32_t tag) const {
  const auto found = elements_.find(tag);
  return found == elements_.end() ? nullptr : &found->second;
}

std::string KeptDataSet::Text(uint32_t tag) const {
  const DicomElement* element = Find(tag);
  if (element == nullptr || element->value.size() > 1024) return "";
  constexpr std::string_view kPadding(" \0\t", 3);
  const std::string_view value = element->value;
  const size_t begin = value.find_first_not_of(kPadding);
  if (begin == std::string_view::npos) return "";
  return std::string(value.substr(begin, value.find_last_not_of(kPadding) + 1 - begin));
}

std::vector<double> KeptDataSet::Numbers(uint32_t tag, bool as_signed) const {
  const DicomElement* element = Find(tag);
  std::vector<double> numbers;
  if (element == nullptr) return numbers;
  std::string vr = element->vr;
  // Of the representations that are not written or not known, those of PS3.6.
  if (vr.empty() || vr == "UN") {
    const bool text = tag == 0x00280008 || tag == 0x00280030 || tag == 0x00280034 ||
                      tag == 0x00181164 || tag == 0x00200032 || tag == 0x00200037 ||
                      (tag >= 0x00281050 && tag <= 0x00281053);
    vr = text ? "DS" : as_signed ? "SS" : "US";
  }
  if (vr == "DS" || vr == "IS") {
    const std::string text = Text(tag);
    if (text.empty()) return numbers;
    for (const std::string& part : std::vector<std::string>(absl::StrSplit(text, '\\'))) {
      double number = 0;
      if (!absl::SimpleAtod(part, &number) || !std::isfinite(number)) return {};
      numbers.push_back(number);
    }
    return numbers;
  }
  const size_t size = vr == "FD" ? 8 : vr == "UL" || vr == "SL" || vr == "FL" ? 4 : 2;
  if (vr != "US" && vr != "SS" && vr != "UL" && vr != "SL" && vr != "FD" && vr != "FL" &&
      vr != "OW") {
    return numbers;
  }
  const bool big = element->coding.big_endian;
  for (size_t at = 0; at + size <= element->value.size(); at += size) {
    const std::string_view bytes = element->value.substr(at, size);
    double number = 0;
    if (vr == "FD") {
      number = Float64(bytes, big);
    } else if (vr == "FL") {
      number = std::bit_cast<float>(Read32(bytes, big));
    } else if (size == 4) {
      number = vr == "SL" ? static_cast<int32_t>(Read32(bytes, big)) : Read32(bytes, big);
    } else {
      number = vr == "SS" ? static_cast<int16_t>(Read16(bytes, big)) : Read16(bytes, big);
    }
    if (!std::isfinite(number)) return {};
    numbers.push_back(number);
  }
  return numbers;
}

std::optional<double> KeptDataSet::Number(uint32_t tag, bool as_signed) const {
  const std::vector<double> numbers = Numbers(tag, as_signed);
  if (numbers.empty()) return std::nullopt;
  return numbers.front();
}

std::optional<KeptDataSet> KeptDataSet::Item(uint32_t sequence, size_t index) const {
  const DicomElement* element = Find(sequence);
  if (element == nullptr) return std::nullopt;
  const auto items = ItemsOf(*element);
  if (!items.ok() || index >= items->size()) return std::nullopt;
  absl::StatusOr<KeptDataSet> item = Read((*items)[index], element->coding);
  if (!item.ok()) return std::nullopt;
  return *std::move(item);
}

}  // namespace alignflow
