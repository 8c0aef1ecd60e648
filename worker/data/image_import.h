#ifndef ALIGNFLOW_WORKER_DATA_IMAGE_IMPORT_H_
#define ALIGNFLOW_WORKER_DATA_IMAGE_IMPORT_H_

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "common/data/label_table.h"
#include "common/scratch_folder.h"
#include "worker/data/fault_list.h"
#include "worker/data/item_check.h"
#include "worker/dicom/grey_window.h"

// Images that nobody but this machine sees as they are: of DICOM files, and of greys of more than 8
// bits where a window is chosen, 8-bit PNG files of the pixels alone are made before anything is
// checked or sent.
namespace alignflow {

// What images are called: by their files, or by numbers in the order of their files' names.
enum class StemRule { kNumberDicom, kKeep, kNumber };

struct ImportOptions {
  std::optional<ChosenWindow> window;       // of greys of more than 8 bits; else each file's own
  bool percentiles = false;                 // of these greys, in place of files' own windows
  StemRule stems = StemRule::kNumberDicom;  // all images of a set are numbered, or none
};

// An image file, or a frame of a DICOM file of several.
struct ListedImage {
  std::filesystem::path file;
  std::string stem;  // "cine_0001" of the first of several frames
  int64_t frame = 0;
  bool usable = true;  // else a fault says why not
};

// Greys without a window of their own: what 0.5 % and 99.5 % of the values of all such images lie
// below becomes black and white.
inline constexpr double kDarkestShare = 0.005, kBrightestShare = 0.995;

class ImageImport {
 public:
  ImageImport(ImportOptions options, FaultList& faults)
      : options_(std::move(options)), faults_(faults) {}

  // The images of files, those of several frames one by one, in their order. Headers of DICOM files
  // alone are read; files that are no pictures become faults.
  std::vector<ListedImage> ListFrames(const std::vector<std::filesystem::path>& files);

  // Makes the PNG files and puts them in place of the items' images, of masks that are DICOM
  // segmentations (segment number N becomes the value N), and of masks where pixels were not
  // square. Masks are read by `labels`, which may be null. Bad files become faults. An error if
  // there is no room for what is made; Cancelled if `progress` says so.
  absl::Status Convert(std::vector<FolderItem>& items, const LabelTable* labels,
                       const ScanProgress& progress);

  // Gives the items their numbers, where they get such. To be called once they are matched.
  void NumberItems(std::vector<FolderItem>& items) const;

  // How images were read, and what to look at; one sentence each.
  std::vector<std::string> Notes() const;
  std::vector<std::string> Warnings() const;
  // Holds the files that were made; null if there are none.
  std::shared_ptr<const ScratchFolder> scratch() const { return scratch_; }

 private:
  // What is known of a DICOM file from its header.
  struct DicomFacts {
    bool deep_grey = false;  // more than 8 bits, or values of its modality's
    bool own_window = true;  // of all frames
    bool square = true;      // pixels
    bool burned_in = false, overlays = false;
    int64_t frames = 1;
    std::string modality;
    std::string fault, remedy;  // why it is not read
  };
  struct Source {  // a file with the items that are made of it
    std::filesystem::path file;
    std::vector<size_t> items;  // by frame
  };
  struct Counts {
    size_t windowed = 0, own = 0, percentiles = 0;  // images by how greys are shown
    size_t plain = 0;                               // of no DICOM file
  };

  static DicomFacts FactsOf(const std::filesystem::path& file);
  // Whether a window was chosen for all greys of more than 8 bits.
  bool chosen() const { return options_.window || options_.percentiles; }
  bool NeedsPercentiles(const std::filesystem::path& file) const;
  bool IsDicom(const std::filesystem::path& file) const { return facts_.contains(file); }
  std::vector<Source> SourcesOf(const std::vector<FolderItem>& items) const;
  std::optional<GreyWindow> WindowOf(const std::filesystem::path& file) const;
  absl::Status FindPercentiles(const std::vector<Source>& sources);
  absl::Status ConvertDicom(const Source& source, std::vector<FolderItem>& items,
                            const LabelTable* labels, Counts& counts);
  absl::Status ConvertDeep(const Source& source, std::vector<FolderItem>& items, Counts& counts);
  absl::Status MakeMaskSquare(FolderItem& item, size_t index, std::pair<int64_t, int64_t> stored,
                              std::pair<int, int> square, const LabelTable* labels) const;

  const ImportOptions options_;
  FaultList& faults_;
  std::map<std::filesystem::path, DicomFacts> facts_;
  std::shared_ptr<const ScratchFolder> scratch_;
  std::optional<GreyWindow> percentiles_;
  Counts counts_;
  size_t images_ = 0;     // of DICOM files
  bool grouped_ = false;  // frames of a file were made a group
  mutable bool numbered_ = false;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_DATA_IMAGE_IMPORT_H_
