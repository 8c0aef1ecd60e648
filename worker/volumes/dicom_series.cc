#include "worker/volumes/dicom_series.h"

#include <algorithm>
#include <cmath>
#include <opencv2/core.hpp>
#include <string>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "worker/data/fault_list.h"
#include "worker/data/file_listing.h"
#include "worker/data/image_file.h"
#include "worker/dicom/dicom_frame.h"
#include "worker/dicom/dicom_kind.h"
#include "worker/volumes/slice_stack.h"
#include "worker/volumes/stored_voxels.h"
#include "worker/volumes/turning.h"

namespace alignflow {
namespace {

namespace fs = std::filesystem;

std::string NameOf(const fs::path& file) { return ShownPath(file.filename()); }

// The same refusal, with the file's name before its reason.
absl::Status OfFile(const fs::path& file, const absl::Status& status) {
  return {status.code(), absl::StrCat(NameOf(file), ": ", status.message())};
}

// Where each slice of a volume is stored.
struct SeriesPlan {
  std::vector<fs::path> files;
  bool one_file = false;  // slices are the frames of one file
  std::string modality;
  bool inverted = false;
  SliceStack stack;
};

void AddFrames(const fs::path& file, const DicomHeader& header, std::vector<Slice>& slices) {
  for (int64_t frame = 0; frame < header.frames; ++frame) {
    slices.push_back({.name = header.frames == 1 ? NameOf(file) : absl::StrCat("frame ", frame + 1),
                      .rows = header.rows,
                      .columns = header.columns,
                      .place = header.PlaceOf(frame)});
  }
}

absl::Status CheckBelongs(const fs::path& file, const DicomHeader& header, const fs::path& first,
                          const DicomHeader& expected) {
  if (header.series != expected.series) {
    return absl::InvalidArgumentError(absl::StrCat(
        "its files are of several series (SeriesInstanceUID): ", NameOf(file),
        " is of another than ", NameOf(first), "; put each series into a folder of its own"));
  }
  if (header.frames > 1 || expected.frames > 1) {
    return absl::InvalidArgumentError(
        "it holds files of several frames, each a volume by itself; put each into a folder of its "
        "own");
  }
  if (header.photometric != expected.photometric) {
    return absl::InvalidArgumentError(
        absl::StrCat(NameOf(file), " shows low values as white or black (", header.photometric,
                     "), ", NameOf(first), " the other way round; export the series again"));
  }
  return absl::OkStatus();
}

absl::StatusOr<SeriesPlan> Plan(const fs::path& path) {
  SeriesPlan plan{.files = SeriesFiles(path), .modality = {}, .stack = {}};
  std::vector<Slice> slices;
  DicomHeader first;
  for (const fs::path& file : plan.files) {
    const absl::StatusOr<DicomHeader> header = ReadDicomHeader(file);
    if (!header.ok()) return OfFile(file, header.status());
    absl::Status status = CheckIsSlice(*header);
    if (!status.ok()) return OfFile(file, status);
    if (slices.empty()) {
      first = *header;
    } else if (status = CheckBelongs(file, *header, plan.files.front(), first); !status.ok()) {
      return status;
    }
    AddFrames(file, *header, slices);
  }
  plan.one_file = first.frames > 1;
  // "Other" says nothing.
  if (first.modality != "OT") plan.modality = first.modality;
  plan.inverted = first.photometric == "MONOCHROME1";
  absl::StatusOr<SliceStack> stack = StackSlices(slices);
  if (!stack.ok()) return stack.status();
  plan.stack = *std::move(stack);
  return plan;
}

// A frame's values, of the size that was planned.
absl::StatusOr<cv::Mat> ValuesOf(const ParsedDicom& dicom, int64_t frame, const VolumeGrid& grid) {
  const DicomHeader& header = dicom.header;
  absl::Status slice = CheckIsSlice(header);
  if (!slice.ok()) return slice;
  if (header.columns != grid.size[0] || header.rows != grid.size[1] || frame >= header.frames) {
    return DamagedVolume("the file has changed while it was read");
  }
  try {
    const absl::StatusOr<StoredFrame> stored = DecodeFrame(dicom, frame);
    if (!stored.ok()) return stored.status();
    if (stored->samples.channels() != 1) return DamagedVolume("a frame has colours");
    return ModalityValues(*stored, header.GreyOf(frame));
  } catch (const cv::Exception&) {
    return DamagedVolume("a frame cannot be decoded");
  }
}

// Puts slices into a volume, in their order.
class Filling {
 public:
  explicit Filling(const SeriesPlan& plan)
      : turning_(TurningOf(plan.stack.grid)),
        volume_{.grid = Turned(plan.stack.grid, turning_),
                .voxels = std::vector<float>(plan.stack.grid.voxels()),
                .modality = plan.modality,
                .inverted = plan.inverted,
                .tilted = plan.stack.tilted},
        places_(plan.stack.grid, volume_.grid, turning_) {}

  void Add(const cv::Mat& values) {
    for (int row = 0; row < values.rows; ++row) {
      const float* from = values.ptr<float>(row);
      for (int column = 0; column < values.cols; ++column) {
        not_numbers_ += std::isfinite(from[column]) ? 0 : 1;
        volume_.voxels[places_.Next()] = from[column];
      }
    }
  }
  absl::StatusOr<Volume> Take() {
    if (not_numbers_ > 0) return RefuseNoNumbers(not_numbers_, volume_.grid.voxels());
    return std::move(volume_);
  }

 private:
  Turning turning_;
  Volume volume_;
  TurnedPlaces places_;
  int64_t not_numbers_ = 0;
};

}  // namespace

std::vector<fs::path> SeriesFiles(const fs::path& path) {
  std::error_code error;
  if (!fs::is_directory(path, error)) return {path};
  std::vector<fs::path> files;
  for (fs::directory_iterator it(path, error), end; !error && it != end; it.increment(error)) {
    const fs::path& file = it->path();
    if (!IsHidden(file) && !HasImageName(file) && HoldsImage(file)) files.push_back(file);
  }
  std::ranges::sort(files);
  return files;
}

bool IsSeriesFolder(const fs::path& path) {
  std::error_code error;
  if (!fs::is_directory(path, error)) return false;
  const std::vector<fs::path> files = SeriesFiles(path);
  if (files.size() != 1) return !files.empty();
  const absl::StatusOr<DicomHeader> header = ReadDicomHeader(files.front());
  return header.ok() && header->frames > 1;
}

absl::StatusOr<VolumeGrid> ReadSeriesGrid(const fs::path& path) {
  const absl::StatusOr<SeriesPlan> plan = Plan(path);
  if (!plan.ok()) return plan.status();
  return plan->stack.grid;
}

absl::StatusOr<Volume> ReadSeries(const fs::path& path) {
  const absl::StatusOr<SeriesPlan> plan = Plan(path);
  if (!plan.ok()) return plan.status();
  Filling filling(*plan);
  std::string bytes;
  absl::StatusOr<ParsedDicom> dicom = absl::InternalError("nothing was read; report this as a bug");
  for (const size_t slice : plan->stack.order) {
    const fs::path& file = plan->files[plan->one_file ? 0 : slice];
    if (!plan->one_file || !dicom.ok()) {
      absl::StatusOr<std::string> read = ReadDicomBytes(file);
      if (!read.ok()) return OfFile(file, read.status());
      bytes = *std::move(read);
      dicom = ParseDicom(bytes);
      if (!dicom.ok()) return OfFile(file, dicom.status());
    }
    const auto frame = static_cast<int64_t>(plan->one_file ? slice : 0);
    const absl::StatusOr<cv::Mat> values = ValuesOf(*dicom, frame, plan->stack.grid);
    if (!values.ok()) return OfFile(file, values.status());
    filling.Add(*values);
  }
  return filling.Take();
}

}  // namespace alignflow
