#include "worker/dicom/dicom_header.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <fstream>
#include <system_error>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/data/image_probe.h"
#include "worker/dicom/inflate.h"
#include "worker/dicom/kept_elements.h"

namespace alignflow {
namespace {

namespace fs = std::filesystem;

constexpr size_t kPreamble = 128;
constexpr std::string_view kMagic = "DICM";
constexpr int64_t kMostFrames = 1000000;
constexpr size_t kMostInflated = size_t{256} << 20;
constexpr double kMostRescale = 1e12;
constexpr double kAlmostSquare = 0.01;

absl::Status Refuse(std::string_view reason, std::string_view remedy) {
  return absl::InvalidArgumentError(absl::StrCat(std::string(reason), "; ", std::string(remedy)));
}

bool HasDicomEnding(const fs::path& path) {
  const std::string ending = absl::AsciiStrToLower(path.extension().string());
  return ending == ".dcm" || ending == ".dicom" || ending == ".ima";
}

// The start of a data set, and how it is coded.
struct DataSetBytes {
  std::string_view bytes;
  TransferSyntax syntax;
};

// Whether the element that `bytes` begin with has its representation written.
bool HasLetters(std::string_view bytes) {
  return absl::ascii_isupper(static_cast<unsigned char>(bytes[4])) &&
         absl::ascii_isupper(static_cast<unsigned char>(bytes[5]));
}

// Without file meta information (PS3.10, 7.1) the coding is told by the first element: its group is
// small, and two letters follow where representations are written.
absl::StatusOr<DataSetBytes> Bare(std::string_view bytes) {
  if (bytes.size() < 8) return DamagedDicom("it is cut short");
  const bool big = Read16(bytes, false) > 0xff && Read16(bytes, true) <= 0xff;
  if (Read16(bytes, big) > 0xff) return Refuse("the file is no DICOM file", "leave it out");
  const bool letters = HasLetters(bytes);
  auto syntax = FindTransferSyntax(big       ? "1.2.840.10008.1.2.2"
                                   : letters ? "1.2.840.10008.1.2.1"
                                             : "1.2.840.10008.1.2");
  if (!syntax.ok()) return syntax.status();
  syntax->elements.explicit_vr = letters;
  return DataSetBytes{bytes, *std::move(syntax)};
}

// Group 0002 is written explicitly in little endian, whatever follows.
absl::StatusOr<DataSetBytes> SkipMetaInformation(std::string_view bytes) {
  const bool preamble = bytes.size() > kPreamble && bytes.substr(kPreamble).starts_with(kMagic);
  if (preamble) bytes.remove_prefix(kPreamble + kMagic.size());
  std::string uid;
  size_t end = 0;
  ElementWalk walk(bytes, {});
  while (bytes.size() - walk.position() >= 2 && Read16(bytes.substr(walk.position()), false) == 2) {
    const absl::StatusOr<std::optional<DicomElement>> element = walk.Next();
    if (!element.ok()) return element.status();
    if ((*element)->tag == 0x00020010) {
      uid = std::string((*element)->value.substr(0, 64));
      uid.erase(uid.find_last_not_of(std::string_view(" \0", 2)) + 1);
    }
    end = walk.position();
  }
  if (uid.empty()) return Bare(bytes.substr(end));
  auto syntax = FindTransferSyntax(uid);
  if (!syntax.ok()) return syntax.status();
  bytes.remove_prefix(end);
  // Some write implicitly what they call explicit.
  if (!syntax->deflated && bytes.size() >= 8 && !HasLetters(bytes)) {
    syntax->elements.explicit_vr = false;
  }
  return DataSetBytes{bytes, *std::move(syntax)};
}

// A table with its descriptor: entries, first value, bits. Nothing where there is none.
absl::StatusOr<std::optional<DicomTable>> ReadTable(const KeptDataSet& set, uint32_t descriptor_tag,
                                                    uint32_t data_tag, bool as_signed) {
  const std::vector<double> descriptor = set.Numbers(descriptor_tag, as_signed);
  const DicomElement* data = set.Find(data_tag);
  if (descriptor.size() < 3 || data == nullptr) return std::nullopt;
  // 0 stands for 65536, and the number is unsigned whatever the second one is.
  auto count = static_cast<int64_t>(descriptor[0]);
  if (count < 0) count += 65536;
  if (count == 0) count = 65536;
  DicomTable table{.first = static_cast<int>(descriptor[1]),
                   .bits = static_cast<int>(descriptor[2]),
                   .entries = {}};
  const std::string_view value = data->value;
  const bool bytes_alone = static_cast<int64_t>(value.size()) < 2 * count;
  if (static_cast<int64_t>(value.size()) < count) {
    return DamagedDicom("a table of values is shorter than it says");
  }
  for (int64_t i = 0; i < count; ++i) {
    table.entries.push_back(bytes_alone ? static_cast<uint8_t>(value[i])
                                        : Read16(value.substr(2 * i), data->coding.big_endian));
  }
  if (table.bits < 1 || table.bits > 16) return DamagedDicom("a table of values has no known bits");
  return table;
}

// What a data set or a group of it says about greys, over what held before.
absl::Status ReadGreyRule(const KeptDataSet& set, bool as_signed, GreyRule& rule) {
  if (const auto slope = set.Number(0x00281053); slope && *slope != 0) rule.slope = *slope;
  if (const auto intercept = set.Number(0x00281052)) rule.intercept = *intercept;
  if (std::abs(rule.slope) > kMostRescale || std::abs(rule.intercept) > kMostRescale) {
    return DamagedDicom("its rescale slope or intercept is beyond any sense");
  }
  if (const auto item = set.Item(0x00283000)) {
    auto table = ReadTable(*item, 0x00283002, 0x00283006, as_signed);
    if (!table.ok()) return table.status();
    if (*table) rule.modality_table = std::make_shared<const DicomTable>(**std::move(table));
  }
  if (const auto item = set.Item(0x00283010)) {
    // Its first value is signed where the values that go in may be.
    auto table = ReadTable(*item, 0x00283002, 0x00283006, as_signed || rule.intercept < 0);
    if (!table.ok()) return table.status();
    if (*table) rule.voi_table = std::make_shared<const DicomTable>(**std::move(table));
  }
  const auto centre = set.Number(0x00281050), width = set.Number(0x00281051);
  if (centre && width) {
    GreyWindow window{.centre = *centre, .width = *width};
    const std::string function = set.Text(0x00281056);
    if (function == "LINEAR_EXACT") window.function = WindowFunction::kLinearExact;
    if (function == "SIGMOID") window.function = WindowFunction::kSigmoid;
    if (IsUsable(window)) rule.window = window;
  }
  return absl::OkStatus();
}

double AspectOf(const KeptDataSet& set) {
  for (const uint32_t tag : {0x00280034u, 0x00280030u, 0x00181164u}) {
    const std::vector<double> sides = set.Numbers(tag);
    if (sides.size() >= 2 && sides[0] > 0 && sides[1] > 0) return sides[0] / sides[1];
  }
  return 1;
}

// What a data set or a group of it says about places, over what held before.
void ReadPlace(const KeptDataSet& set, FramePlace& place) {
  const auto read = [&set](uint32_t tag, auto& numbers) {
    const std::vector<double> given = set.Numbers(tag);
    if (given.size() != numbers.size()) return false;
    std::ranges::copy(given, numbers.begin());
    return true;
  };
  std::array<double, 3> position{};
  std::array<double, 6> orientation{};
  if (read(0x00200032, position)) place.position = position;
  if (read(0x00200037, orientation)) place.orientation = orientation;
  read(0x00280030, place.spacing);
  if (const auto segment = set.Number(0x0062000b); segment && *segment >= 0 && *segment < 65536) {
    place.segment = static_cast<int>(*segment);
  }
}

// Groups of elements that all frames, or one frame, have (PS3.3, C.7.6.16).
absl::Status ReadFunctionalGroup(const KeptDataSet& group, bool as_signed, GreyRule& rule,
                                 FramePlace& place, double& aspect) {
  for (const uint32_t sequence : {0x00289145u, 0x00289132u}) {
    const auto item = group.Item(sequence);
    if (!item) continue;
    absl::Status read = ReadGreyRule(*item, as_signed, rule);
    if (!read.ok()) return read;
  }
  for (const uint32_t sequence : {0x00209113u, 0x00209116u, 0x00289110u, 0x0062000au}) {
    if (const auto item = group.Item(sequence)) ReadPlace(*item, place);
  }
  if (const auto measures = group.Item(0x00289110)) aspect = AspectOf(*measures);
  return absl::OkStatus();
}

absl::Status ReadFunctionalGroups(const KeptDataSet& set, DicomHeader& header) {
  if (const auto shared = set.Item(0x52009229)) {
    absl::Status read = ReadFunctionalGroup(*shared, header.is_signed, header.grey, header.place,
                                            header.pixel_aspect);
    if (!read.ok()) return read;
  }
  const DicomElement* frames = set.Find(0x52009230);
  if (frames == nullptr) return absl::OkStatus();
  const auto items = ItemsOf(*frames);
  if (!items.ok()) return items.status();
  if (static_cast<int64_t>(items->size()) > kMostFrames) {
    return DamagedDicom("it describes more frames than there can be");
  }
  for (const std::string_view item : *items) {
    const absl::StatusOr<KeptDataSet> group = KeptDataSet::Read(item, frames->coding);
    if (!group.ok()) return group.status();
    GreyRule rule = header.grey;
    FramePlace place = header.place;
    absl::Status read =
        ReadFunctionalGroup(*group, header.is_signed, rule, place, header.pixel_aspect);
    if (!read.ok()) return read;
    header.grey_of_frames.push_back(std::move(rule));
    header.place_of_frames.push_back(place);
  }
  return absl::OkStatus();
}

int64_t Whole(const KeptDataSet& set, uint32_t tag, int64_t otherwise) {
  const auto number = set.Number(tag);
  // Beyond 2^53 a double is no whole number any more; nothing here is near that.
  return number && std::abs(*number) < 9e15 ? static_cast<int64_t>(*number) : otherwise;
}

absl::StatusOr<DicomHeader> ReadHeader(const KeptDataSet& set, TransferSyntax syntax) {
  DicomHeader header;
  header.syntax = std::move(syntax);
  header.sop_class = set.Text(0x00080016);
  header.modality = set.Text(0x00080060);
  header.photometric = set.Text(0x00280004);
  header.rows = Whole(set, 0x00280010, 0);
  header.columns = Whole(set, 0x00280011, 0);
  header.frames = std::max<int64_t>(Whole(set, 0x00280008, 1), 1);
  header.samples = static_cast<int>(Whole(set, 0x00280002, 1));
  header.bits_allocated = static_cast<int>(Whole(set, 0x00280100, 0));
  header.bits_stored = static_cast<int>(Whole(set, 0x00280101, header.bits_allocated));
  header.high_bit = static_cast<int>(Whole(set, 0x00280102, header.bits_stored - 1));
  header.is_signed = Whole(set, 0x00280103, 0) == 1;
  header.planar = Whole(set, 0x00280006, 0) == 1;
  if (const auto padding = set.Number(0x00280120, header.is_signed)) {
    header.padding = static_cast<int64_t>(*padding);
    header.padding_limit =
        static_cast<int64_t>(set.Number(0x00280121, header.is_signed).value_or(*padding));
  }
  header.burned_in_annotation = set.Text(0x00280301) == "YES";
  header.overlays = set.has_overlays();
  header.segmented_palette = set.Find(0x00281221) != nullptr;
  header.float_pixels = set.Find(0x7fe00008) != nullptr || set.Find(0x7fe00009) != nullptr;
  header.has_pixels = set.Find(kPixelDataTag) != nullptr;
  header.pixel_aspect = AspectOf(set);
  header.series = set.Text(0x0020000e);
  header.segmentation_type = set.Text(0x00620001);
  ReadPlace(set, header.place);
  absl::Status read = ReadGreyRule(set, header.is_signed, header.grey);
  if (read.ok()) read = ReadFunctionalGroups(set, header);
  if (!read.ok()) return read;
  for (uint32_t channel = 0; channel < 3 && header.photometric == "PALETTE COLOR"; ++channel) {
    auto table = ReadTable(set, 0x00281101 + channel, 0x00281201 + channel, header.is_signed);
    if (!table.ok()) return table.status();
    if (*table) header.palette.push_back(**std::move(table));
  }
  return header;
}

// That sizes and bits are such as are decoded, before memory is taken by them.
absl::Status CheckSizes(const DicomHeader& header) {
  if (header.float_pixels) {
    return Refuse("the DICOM file holds floating-point pixels, such as a parametric map",
                  "export its pictures as PNG, or leave it out");
  }
  if (!header.has_pixels) {
    return Refuse(
        "the DICOM file holds no pixels (it is a report, a plan, a list of files or the like)",
        "leave it out");
  }
  if (header.rows < 1 || header.columns < 1) return DamagedDicom("it does not say how large it is");
  if (header.rows > kMaxImageSide || header.columns > kMaxImageSide ||
      header.pixels() > kMaxImagePixels) {
    return Refuse(absl::StrCat("the DICOM file has ", header.columns, "x", header.rows,
                               " pixels, and 64 megapixels are the most that is read"),
                  "make the picture smaller, or leave it out");
  }
  if (header.frames > kMostFrames) {
    return Refuse(absl::StrCat("the DICOM file says that it has ", header.frames,
                               " frames, and 1,000,000 are the most that is read"),
                  "store it in parts, or leave it out");
  }
  if (header.samples != 1 && header.samples != 3) {
    return Refuse(absl::StrCat("the DICOM file has ", header.samples,
                               " samples per pixel, and 1 or 3 are read"),
                  "export its frames as PNG");
  }
  const int allocated = header.bits_allocated;
  if (allocated != 1 && allocated != 8 && allocated != 16 && allocated != 32) {
    return Refuse(absl::StrCat("the DICOM file stores pixels in ", allocated,
                               " bits, and 1, 8, 16 or 32 are read"),
                  "export its frames as PNG");
  }
  if (header.bits_stored < 1 || header.bits_stored > allocated || header.high_bit >= allocated ||
      header.high_bit < header.bits_stored - 1) {
    return DamagedDicom("its bits stored do not fit in the bits allocated");
  }
  return absl::OkStatus();
}

// A fragment that begins as a compressed picture does; RLE frames are one fragment each.
bool BeginsPicture(std::string_view fragment) {
  using namespace std::string_view_literals;
  return fragment.starts_with("\xff\xd8"sv) || fragment.starts_with("\xff\x4f\xff\x51"sv) ||
         fragment.starts_with("\0\0\0\x0cjP  "sv);
}

// Which fragment each frame begins with (PS3.5, A.4): by their number, by the table of offsets, or
// by what they begin with.
std::vector<size_t> FirstFragments(const std::vector<std::string_view>& fragments,
                                   std::string_view offsets, int64_t frames) {
  std::vector<size_t> first;
  const auto count = static_cast<size_t>(frames);
  if (frames == 1) return {0};
  if (fragments.size() == count) {
    for (size_t i = 0; i < count; ++i) first.push_back(i);
    return first;
  }
  if (offsets.size() == 4 * count) {
    constexpr size_t kItemStart = 8;
    uint64_t at = 0;
    for (size_t i = 0; i < fragments.size() && first.size() < count; ++i) {
      if (Read32(offsets.substr(4 * first.size()), false) == at) first.push_back(i);
      at += kItemStart + fragments[i].size();
    }
    if (first.size() == count) return first;
    first.clear();
  }
  for (size_t i = 0; i < fragments.size(); ++i) {
    if (BeginsPicture(fragments[i])) first.push_back(i);
  }
  return first.size() == count ? first : std::vector<size_t>();
}

absl::Status FindFrames(const DicomElement& pixels, ParsedDicom& parsed) {
  const DicomHeader& header = parsed.header;
  const bool encapsulated = header.syntax.pixels != PixelCoding::kNative;
  if (encapsulated != pixels.undefined_length) {
    return DamagedDicom(encapsulated ? "its pixels are not in fragments, as its coding wants it"
                                     : "its pixels are in fragments, and its coding knows none");
  }
  if (encapsulated) {
    auto items = ItemsOf(pixels);
    if (!items.ok()) return items.status();
    if (items->size() < 2) return DamagedDicom("it holds no frame");
    const std::string_view offsets = items->front();
    parsed.fragments.assign(items->begin() + 1, items->end());
    if (static_cast<int64_t>(parsed.fragments.size()) < header.frames) {
      return DamagedDicom(absl::StrCat("it says that it has ", header.frames, " frames and holds ",
                                       parsed.fragments.size(), " fragments"));
    }
    parsed.first_fragments = FirstFragments(parsed.fragments, offsets, header.frames);
    if (parsed.first_fragments.empty()) {
      return DamagedDicom("which fragment belongs to which frame is not said");
    }
    return absl::OkStatus();
  }
  parsed.native = pixels.value;
  parsed.words_swapped =
      pixels.coding.big_endian && pixels.vr == "OW" && header.bits_allocated == 8;
  const int64_t bits = header.halved_colours() ? header.pixels() * 16 : header.frame_bits();
  const int64_t needed = (bits * header.frames + 7) / 8;
  if (static_cast<int64_t>(parsed.native.size()) < needed) {
    return DamagedDicom(absl::StrCat("its pixels have ", parsed.native.size(), " bytes, and ",
                                     needed, " are needed"));
  }
  return absl::OkStatus();
}

struct Parsed {
  ParsedDicom dicom;
  KeptDataSet set;
};

absl::StatusOr<Parsed> Parse(std::string_view bytes, bool header_alone) {
  absl::StatusOr<DataSetBytes> data = SkipMetaInformation(bytes);
  if (!data.ok()) return data.status();
  Parsed parsed;
  if (data->syntax.deflated) {
    auto inflated = Inflate(data->bytes, kMostInflated);
    if (!inflated.ok()) return inflated.status();
    parsed.dicom.inflated = std::make_shared<const std::string>(*std::move(inflated));
    data->bytes = *parsed.dicom.inflated;
  }
  auto set = KeptDataSet::Read(data->bytes, data->syntax.elements, !header_alone);
  if (!set.ok()) return set.status();
  parsed.set = *std::move(set);
  auto header = ReadHeader(parsed.set, std::move(data->syntax));
  if (!header.ok()) return header.status();
  parsed.dicom.header = *std::move(header);
  absl::Status sizes = CheckSizes(parsed.dicom.header);
  if (!sizes.ok()) return sizes;
  return parsed;
}

}  // namespace

bool LooksLikeDicom(const fs::path& path) {
  std::array<char, kPreamble + kMagic.size()> start{};
  std::ifstream file(path, std::ios::binary);
  file.read(start.data(), start.size());
  const std::string_view read(start.data(), static_cast<size_t>(file.gcount()));
  if (read.size() == start.size() && read.substr(kPreamble) == kMagic) return true;
  return HasDicomEnding(path);
}

std::string DicomStem(const fs::path& path) {
  return HasDicomEnding(path) ? path.stem().string() : path.filename().string();
}

absl::StatusOr<ParsedDicom> ParseDicom(std::string_view bytes) {
  absl::StatusOr<Parsed> parsed = Parse(bytes, /*header_alone=*/false);
  if (!parsed.ok()) return parsed.status();
  absl::Status frames = FindFrames(*parsed->set.Find(kPixelDataTag), parsed->dicom);
  if (!frames.ok()) return frames;
  return std::move(parsed->dicom);
}

absl::StatusOr<std::string> ReadDicomBytes(const fs::path& path) {
  std::error_code error;
  const auto size = fs::file_size(path, error);
  if (!error && size > static_cast<uintmax_t>(kMostDicomBytes)) {
    return Refuse(absl::StrCat("the DICOM file has ", size, " bytes, the limit is 1 GiB"),
                  "store it compressed or in parts, or leave it out");
  }
  std::ifstream file(path, std::ios::binary);
  std::string bytes(error ? 0 : size, '\0');
  if (error || !file.read(bytes.data(), static_cast<std::streamsize>(size))) {
    return Refuse("the file cannot be read", "check its permissions, and that its disk works");
  }
  return bytes;
}

absl::StatusOr<DicomHeader> ReadDicomHeader(const fs::path& path) {
  std::error_code error;
  const auto size = fs::file_size(path, error);
  std::ifstream file(path, std::ios::binary);
  for (uintmax_t count = uintmax_t{128} << 10; !error && count < size; count <<= 5) {
    std::string start(count, '\0');
    file.clear();
    file.seekg(0);
    if (!file.read(start.data(), static_cast<std::streamsize>(count))) break;
    const absl::StatusOr<Parsed> parsed = Parse(start, /*header_alone=*/true);
    if (parsed.ok()) return parsed->dicom.header;
    if (parsed.status().message().find("which is not decoded") != std::string_view::npos) break;
  }
  const absl::StatusOr<std::string> bytes = ReadDicomBytes(path);
  if (!bytes.ok()) return bytes.status();
  const absl::StatusOr<Parsed> parsed = Parse(*bytes, /*header_alone=*/true);
  if (!parsed.ok()) return parsed.status();
  return parsed->dicom.header;
}

std::pair<int, int> SquareSize(const DicomHeader& header) {
  const double aspect = header.pixel_aspect;
  const auto rows = static_cast<double>(header.rows), columns = static_cast<double>(header.columns);
  const auto side = [](double length) {
    return static_cast<int>(std::lround(std::min(length, 1e9)));
  };
  if (std::abs(aspect - 1) <= kAlmostSquare) return {side(rows), side(columns)};
  return aspect > 1 ? std::pair(side(rows * aspect), side(columns))
                    : std::pair(side(rows), side(columns / aspect));
}

}  // namespace alignflow
