#include "worker/data/image_import.h"

#include <algorithm>
#include <cmath>
#include <mutex>
#include <new>
#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/counted.h"
#include "common/data/groups.h"
#include "common/data/image_probe.h"
#include "common/digest.h"
#include "common/parallel.h"
#include "worker/data/image_decode.h"
#include "worker/data/image_file.h"
#include "worker/data/mask_import.h"
#include "worker/data/memory_gate.h"
#include "worker/data/stored_image.h"
#include "worker/dicom/dicom_frame.h"
#include "worker/dicom/dicom_kind.h"

namespace alignflow {
namespace {

namespace fs = std::filesystem;

// Values that the percentiles are found from, of all files together and of one.
constexpr size_t kMostSampled = size_t{1} << 22, kMostOfAFile = size_t{1} << 16;
constexpr int64_t kMostFramesSampled = 8;
constexpr char kUnusable[] = "images that cannot be used";

std::string FrameStem(const std::string& stem, int64_t frame) {
  return absl::StrFormat("%s_%04d", stem, frame + 1);
}

// Equally spaced values of a frame, without its padding.
void Sample(const cv::Mat& values, const cv::Mat& padding, size_t most, std::vector<float>& out) {
  const size_t count = values.total(), step = std::max<size_t>(1, (count + most - 1) / most);
  for (size_t i = 0; i < count; i += step) {
    const int row = static_cast<int>(i / values.cols), column = static_cast<int>(i % values.cols);
    if (padding.empty() || padding.at<uint8_t>(row, column) == 0) {
      out.push_back(values.at<float>(row, column));
    }
  }
}

// What is wrong with a file is said when it is converted.
void SampleDicom(const fs::path& file, size_t most, std::vector<float>& out) {
  const auto bytes = ReadDicomBytes(file);
  if (!bytes.ok()) return;
  const auto dicom = ParseDicom(*bytes);
  if (!dicom.ok()) return;
  const int64_t frames = dicom->header.frames;
  const int64_t step = (frames + kMostFramesSampled - 1) / kMostFramesSampled;
  const size_t of_each =
      std::max<size_t>(1, most / static_cast<size_t>((frames + step - 1) / step));
  for (int64_t frame = 0; frame < frames; frame += step) {
    const auto stored = DecodeFrame(*dicom, frame);
    if (!stored.ok()) return;
    Sample(ModalityValues(*stored, dicom->header.GreyOf(frame)), PaddingOf(*stored, dicom->header),
           of_each, out);
  }
}

float Quantile(std::vector<float>& values, double share) {
  const auto at =
      values.begin() + static_cast<ptrdiff_t>(std::llround(share * (values.size() - 1)));
  std::ranges::nth_element(values, at);
  return *at;
}

GreyWindow Between(double low, double high) {
  return {.centre = (low + high) / 2,
          .width = high > low ? high - low : 1,
          .function = WindowFunction::kLinearExact};
}

std::string DigestOf(const cv::Mat& pixels) {
  const cv::Mat whole = pixels.isContinuous() ? pixels : pixels.clone();
  return Sha256OfString(
      {reinterpret_cast<const char*>(whole.data), whole.total() * whole.elemSize()});
}

// A group that is the same wherever the same pixels are, and says nothing else.
std::string GroupOfPixels(const cv::Mat& samples) {
  constexpr size_t kDigits = 16;
  return absl::StrCat("file-", DigestOf(samples).substr(0, kDigits));
}

// Grey of more than 8 bits in a PNG or TIFF, turned as its orientation says; empty for others.
absl::StatusOr<cv::Mat> DeepGreys(const fs::path& file) {
  const absl::StatusOr<std::string> bytes = ReadImageFile(file);
  if (!bytes.ok()) return cv::Mat();  // said where images are checked
  const absl::StatusOr<ProbedFile> probed = ProbeFile(*bytes, FileRole::kImage);
  if (!probed.ok()) return cv::Mat();
  const ImageHeader& header = probed->header;
  if (header.bits != 16 || header.channels - (header.alpha ? 1 : 0) != 1) return cv::Mat();
  const absl::StatusOr<StoredImage> stored = DecodeStored(*bytes, header);
  if (!stored.ok() || stored->samples.depth() != CV_16U) return cv::Mat();
  cv::Mat grey;
  cv::extractChannel(Oriented(stored->samples, header.orientation), grey, 0);
  cv::Mat values;
  grey.convertTo(values, CV_32F);
  return values;
}

void SamplePlain(const fs::path& file, size_t most, std::vector<float>& out) {
  const absl::StatusOr<cv::Mat> values = DeepGreys(file);
  if (values.ok() && !values->empty()) Sample(*values, {}, most, out);
}

}  // namespace

ImageImport::DicomFacts ImageImport::FactsOf(const fs::path& file) {
  DicomFacts facts;
  const absl::StatusOr<DicomHeader> header = ReadDicomHeader(file);
  const absl::Status picture = header.ok() ? CheckIsPicture(*header) : header.status();
  if (!picture.ok()) {
    const Fault fault = FaultOf(picture, file, kUnusable);
    facts.fault = fault.reason;
    facts.remedy = fault.remedy;
    return facts;
  }
  facts.frames = header->frames;
  facts.modality = header->modality;
  facts.burned_in = header->burned_in_annotation;
  facts.overlays = header->overlays;
  facts.square = SquareSize(*header) ==
                 std::pair(static_cast<int>(header->rows), static_cast<int>(header->columns));
  const bool grey = header->photometric.starts_with("MONOCHROME");
  facts.deep_grey = grey && (header->bits_stored > 8 || header->is_signed);
  const size_t rules = std::max<size_t>(header->grey_of_frames.size(), 1);
  for (size_t frame = 0; frame < rules; ++frame) {
    facts.own_window = facts.own_window && HasOwnWindow(*header, static_cast<int64_t>(frame));
  }
  return facts;
}

std::vector<ListedImage> ImageImport::ListFrames(const std::vector<fs::path>& files) {
  std::vector<const fs::path*> dicom;
  for (const fs::path& file : files) {
    if (!HasImageName(file)) dicom.push_back(&file);
  }
  std::vector<DicomFacts> facts(dicom.size());
  ForEachOnAllCores(dicom.size(), [&](size_t i) {
    facts[i] = FactsOf(*dicom[i]);
    return true;
  });
  for (size_t i = 0; i < dicom.size(); ++i) facts_[*dicom[i]] = std::move(facts[i]);

  std::vector<ListedImage> images;
  for (const fs::path& file : files) {
    const auto found = facts_.find(file);
    const DicomFacts* known = found == facts_.end() ? nullptr : &found->second;
    const std::string stem = StemOf(file);
    if (known == nullptr || known->frames == 1) {
      images.push_back({.file = file, .stem = stem});
    } else {
      for (int64_t frame = 0; frame < known->frames; ++frame) {
        images.push_back({.file = file, .stem = FrameStem(stem, frame), .frame = frame});
      }
    }
    if (known == nullptr) continue;
    std::string fault = known->fault, remedy = known->remedy;
    if (fault.empty() && options_.window && options_.window->IsOfCt() && known->deep_grey &&
        known->modality != "CT") {
      fault = absl::StrCat("its modality is '", known->modality, "', and ", options_.window->name,
                           " is a window of CT");
      remedy = "give --window CENTRE,WIDTH, or none";
    }
    if (fault.empty()) continue;
    images.back().usable = false;
    faults_.Add({.kind = "images that cannot be used",
                 .remedy = std::move(remedy),
                 .path = file,
                 .reason = std::move(fault)});
  }
  return images;
}

std::vector<ImageImport::Source> ImageImport::SourcesOf(
    const std::vector<FolderItem>& items) const {
  std::vector<Source> sources;
  std::map<fs::path, size_t> place;
  for (size_t i = 0; i < items.size(); ++i) {
    const fs::path& file = items[i].image;
    if (file.empty() || (!IsDicom(file) && !chosen())) continue;
    const auto [found, added] = place.try_emplace(file, sources.size());
    if (added) sources.push_back({.file = file, .items = {}});
    sources[found->second].items.push_back(i);
  }
  return sources;
}

bool ImageImport::NeedsPercentiles(const fs::path& file) const {
  const auto facts = facts_.find(file);
  if (facts == facts_.end() || facts->second.deep_grey) {
    if (chosen()) return options_.percentiles;
  }
  return facts != facts_.end() && !facts->second.own_window;
}

std::optional<GreyWindow> ImageImport::WindowOf(const fs::path& file) const {
  if (NeedsPercentiles(file)) return percentiles_;
  if (!options_.window || (IsDicom(file) && !facts_.at(file).deep_grey)) return std::nullopt;
  return options_.window->window;
}

absl::Status ImageImport::FindPercentiles(const std::vector<Source>& sources) {
  std::vector<const Source*> without;
  for (const Source& source : sources) {
    if (NeedsPercentiles(source.file)) without.push_back(&source);
  }
  if (without.empty()) return absl::OkStatus();
  const size_t most = std::clamp<size_t>(kMostSampled / without.size(), 4, kMostOfAFile);
  std::vector<std::vector<float>> sampled(without.size());
  MemoryGate gate(kDecodeBytes);
  ForEachOnAllCores(without.size(), [&](size_t i) {
    const fs::path& file = without[i]->file;
    const size_t size = IsDicom(file) ? DicomBytesInMemory(file) : DecodeBytes(file);
    gate.Enter(size);
    try {
      IsDicom(file) ? SampleDicom(file, most, sampled[i]) : SamplePlain(file, most, sampled[i]);
    } catch (const std::exception&) {
      sampled[i].clear();
    }
    gate.Leave(size);
    return true;
  });
  std::vector<float> values;
  for (const std::vector<float>& some : sampled) {
    values.insert(values.end(), some.begin(), some.end());
  }
  if (values.empty()) values.push_back(0);
  const double low = Quantile(values, kDarkestShare);
  percentiles_ = Between(low, Quantile(values, kBrightestShare));
  return absl::OkStatus();
}

absl::Status ImageImport::MakeMaskSquare(FolderItem& item, size_t index,
                                         std::pair<int64_t, int64_t> stored,
                                         std::pair<int, int> square,
                                         const LabelTable* labels) const {
  const auto bytes = ReadImageFile(item.mask);
  const auto mask = bytes.ok() ? DecodeMask(*bytes, ShownPath(item.mask), labels) : bytes.status();
  // What is wrong with the mask is said where masks are checked.
  if (!mask.ok() || mask->rows != stored.first || mask->cols != stored.second) {
    return absl::OkStatus();
  }
  cv::Mat resized;
  cv::resize(*mask, resized, {square.second, square.first}, 0, 0, cv::INTER_NEAREST);
  const auto png = labels == nullptr ? EncodePng(resized) : EncodeMask(resized, *labels);
  if (!png.ok()) return png.status();
  const std::string name = absl::StrFormat("m%07d.png", index);
  absl::Status written = scratch_->Write(name, *png);
  if (!written.ok()) return written;
  item.mask_source = item.GivenMask();
  item.mask = scratch_->path() / name;
  return absl::OkStatus();
}

absl::Status ImageImport::ConvertDicom(const Source& source, std::vector<FolderItem>& items,
                                       const LabelTable* labels, Counts& counts) {
  const absl::StatusOr<std::string> bytes = ReadDicomBytes(source.file);
  if (!bytes.ok()) return bytes.status();
  const absl::StatusOr<ParsedDicom> dicom = ParseDicom(*bytes);
  if (!dicom.ok()) return dicom.status();
  const DicomHeader& header = dicom->header;
  const std::optional<GreyWindow> window = WindowOf(source.file);
  const DicomFacts& facts = facts_.at(source.file);
  for (const size_t index : source.items) {
    FolderItem& item = items[index];
    if (item.frame == 0 && grouped_) {
      const absl::StatusOr<StoredFrame> first = DecodeFrame(*dicom, 0);
      if (!first.ok()) return first.status();
      const std::string group = GroupOfPixels(first->samples);
      for (const size_t other : source.items) items[other].group = group;
    }
    const absl::StatusOr<cv::Mat> shown = ShownFrame(*dicom, item.frame, window);
    if (!shown.ok()) return shown.status();
    const absl::StatusOr<std::string> png = EncodePng(*shown);
    if (!png.ok()) return png.status();
    const std::string name = absl::StrFormat("%07d.png", index);
    absl::Status written = scratch_->Write(name, *png);
    if (!written.ok()) return written;
    item.image_source = std::exchange(item.image, scratch_->path() / name);
    if (!item.mask.empty() && !facts.square) {
      written =
          MakeMaskSquare(item, index, {header.rows, header.columns}, SquareSize(header), labels);
      if (!written.ok()) return written;
    }
    const bool grey = header.photometric.starts_with("MONOCHROME");
    if (window) {
      ++(NeedsPercentiles(source.file) ? counts.percentiles : counts.windowed);
    } else if (grey && facts.deep_grey) {
      ++counts.own;
    }
  }
  return absl::OkStatus();
}

absl::Status ImageImport::ConvertDeep(const Source& source, std::vector<FolderItem>& items,
                                      Counts& counts) {
  const absl::StatusOr<cv::Mat> values = DeepGreys(source.file);
  if (!values.ok() || values->empty()) return values.status();
  const absl::StatusOr<std::string> png = EncodePng(Windowed(*values, *WindowOf(source.file)));
  if (!png.ok()) return png.status();
  for (const size_t index : source.items) {
    const std::string name = absl::StrFormat("%07d.png", index);
    absl::Status written = scratch_->Write(name, *png);
    if (!written.ok()) return written;
    items[index].image_source = std::exchange(items[index].image, scratch_->path() / name);
    ++(options_.percentiles ? counts.percentiles : counts.windowed);
    ++counts.plain;
  }
  return absl::OkStatus();
}

absl::Status ImageImport::Convert(std::vector<FolderItem>& items, const LabelTable* labels,
                                  const ScanProgress& progress) {
  const std::vector<Source> sources = SourcesOf(items);
  const bool segmentations = HoldSegmentations(items);
  if (sources.empty() && !segmentations) return absl::OkStatus();
  auto scratch = ScratchFolder::Make();
  if (!scratch.ok()) return scratch.status();
  scratch_ = *std::move(scratch);
  if (segmentations) {
    absl::Status masks = ConvertSegmentations(*scratch_, items, faults_);
    if (!masks.ok() || sources.empty()) return masks;
  }
  const bool groups_given =
      std::ranges::any_of(items, [](const FolderItem& item) { return !item.group.empty(); });
  for (const Source& source : sources) {
    grouped_ =
        grouped_ || (!groups_given && IsDicom(source.file) && facts_.at(source.file).frames > 1);
  }
  absl::Status found = FindPercentiles(sources);
  if (!found.ok()) return found;

  MemoryGate gate(kDecodeBytes);
  std::mutex mutex;
  absl::Status failed;
  bool stopped = false;
  size_t done = 0;
  std::map<size_t, Fault> faults;  // in the order of the files
  ForEachOnAllCores(sources.size(), [&](size_t i) {
    const Source& source = sources[i];
    const bool dicom = IsDicom(source.file);
    const size_t bytes = dicom ? DicomBytesInMemory(source.file) : DecodeBytes(source.file);
    gate.Enter(bytes);
    Counts counts;
    absl::Status converted;
    try {
      converted =
          dicom ? ConvertDicom(source, items, labels, counts) : ConvertDeep(source, items, counts);
    } catch (const std::bad_alloc&) {
      converted = absl::InvalidArgumentError(
          "there is not enough memory to decode it; make the picture smaller, or leave it out");
    } catch (const std::exception&) {
      converted = DamagedDicom("it cannot be decoded");
    }
    gate.Leave(bytes);
    const std::scoped_lock lock(mutex);
    counts_.windowed += counts.windowed;
    counts_.own += counts.own;
    counts_.percentiles += counts.percentiles;
    counts_.plain += counts.plain;
    if (dicom) images_ += source.items.size();
    if (absl::IsInvalidArgument(converted)) {
      faults.emplace(i, FaultOf(converted, source.file, kUnusable));
    } else {
      failed.Update(converted);
    }
    ++done;
    if (!stopped && progress) stopped = !progress(done, sources.size());
    return !stopped && failed.ok();
  });
  if (stopped) return absl::CancelledError("stopped while reading the images");
  if (!failed.ok()) return failed;
  for (auto& [i, fault] : faults) {
    faults_.Add(std::move(fault));
    // Not to be said again where images are checked.
    for (const size_t index : sources[i].items) items[index].image.clear();
  }
  if (!grouped_) return absl::OkStatus();
  for (FolderItem& item : items) {
    if (!item.group.empty() || item.image.empty()) continue;
    item.group = GroupOfName(item.name);
    if (item.group.empty() || options_.stems == StemRule::kNumberDicom ||
        options_.stems == StemRule::kNumber) {
      const auto digest = Sha256OfFile(item.image);
      item.group = absl::StrCat("file-", digest.ok() ? digest->substr(0, 16) : item.name);
    }
  }
  return absl::OkStatus();
}

void ImageImport::NumberItems(std::vector<FolderItem>& items) const {
  const bool dicom = std::ranges::any_of(
      items, [this](const FolderItem& item) { return IsDicom(item.GivenImage()); });
  numbered_ =
      options_.stems == StemRule::kNumber || (options_.stems == StemRule::kNumberDicom && dicom);
  if (!numbered_) return;
  const int digits = items.size() < 1000000 ? 6 : 7;
  for (size_t i = 0; i < items.size(); ++i) items[i].name = absl::StrFormat("%0*d", digits, i + 1);
}

std::vector<std::string> ImageImport::Notes() const {
  std::vector<std::string> notes;
  if (images_ > 0) {
    notes.push_back(
        absl::StrCat(Counted(images_, "image"),
                     " of DICOM files: of each an 8-bit PNG of its pixels alone is "
                     "made on this machine, and nothing of the files themselves is sent"));
  }
  std::vector<std::string> shown;
  if (counts_.windowed > 0) {
    const GreyWindow& window = options_.window->window;
    shown.push_back(absl::StrCat(counts_.windowed, " by --window (centre ", window.centre,
                                 ", width ", window.width, ")"));
  }
  if (counts_.own > 0) shown.push_back(absl::StrCat(counts_.own, " by the windows of their files"));
  if (counts_.percentiles > 0) {
    const double half = percentiles_->width / 2;
    shown.push_back(absl::StrFormat(
        "%d by percentiles of the set: 0.5 %% of the values lie below %g, 99.5 %% below %g",
        counts_.percentiles, percentiles_->centre - half, percentiles_->centre + half));
  }
  for (size_t i = 0; i < shown.size(); ++i) {
    shown.front() = i == 0 ? absl::StrCat("greys are shown: ", shown[0])
                           : absl::StrCat(shown.front(), "; ", shown[i]);
  }
  if (!shown.empty()) notes.push_back(shown.front());
  if (grouped_) {
    notes.push_back(
        "frames of one DICOM file are one group, because they are no independent evidence");
  }
  if (numbered_) {
    notes.push_back(
        "images are called by numbers, in the order of their files' names, because names of files "
        "may be those of patients; --stems keep keeps them");
  }
  return notes;
}

std::vector<std::string> ImageImport::Warnings() const {
  size_t burned_in = 0, overlays = 0, oblong = 0;
  for (const auto& [file, facts] : facts_) {
    burned_in += facts.burned_in;
    overlays += facts.overlays;
    oblong += !facts.square;
  }
  std::vector<std::string> warnings;
  if (burned_in > 0) {
    warnings.push_back(absl::StrCat(
        Counted(burned_in, "DICOM file"),
        " say that writing is burned into the pixels (Burned In "
        "Annotation): it may name patients; look at the images with `afctl dataset convert`, and "
        "leave out what must not be sent"));
  }
  if (overlays > 0) {
    warnings.push_back(absl::StrCat("overlays of ", Counted(overlays, "DICOM file"),
                                    " are left out; the pixels below them are sent"));
  }
  if (oblong > 0) {
    warnings.push_back(absl::StrCat("pixels of ", Counted(oblong, "DICOM file"),
                                    " are not square: images, and their masks, are stretched so "
                                    "that they are"));
  }
  if (chosen() && counts_.windowed + counts_.percentiles == 0) {
    warnings.push_back("--window: no image has greys of more than 8 bits, so it shows nothing");
  }
  if (options_.window && options_.window->IsOfCt() && counts_.plain > 0) {
    warnings.push_back(
        absl::StrCat(Counted(counts_.plain, "image"),
                     " of 16 bits are no DICOM files: their samples were taken "
                     "for Hounsfield units; where they are shifted give --window CENTRE,WIDTH"));
  }
  return warnings;
}

}  // namespace alignflow
