#include "worker/volumes/volume_folder.h"

#include <algorithm>
#include <cmath>
#include <mutex>
#include <opencv2/core.hpp>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/data/image_probe.h"
#include "common/parallel.h"
#include "common/settings/settings.h"
#include "worker/data/file_listing.h"
#include "worker/data/folder_names.h"
#include "worker/data/group_table.h"
#include "worker/data/memory_gate.h"
#include "worker/data/stem_match.h"
#include "worker/volumes/mask_facts.h"
#include "worker/volumes/volume_file.h"
#include "worker/volumes/volume_window.h"

namespace alignflow {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMemory = size_t{3} << 30;  // of volumes that are worked on at the same time
constexpr size_t kBytesOfVoxel = 16;         // of an image, its mask and what is made of them
constexpr char kExpected[] =
    "put volumes into DIR/images and their masks, of the same names, into DIR/masks "
    "(images/a.nii.gz, masks/a.nii.gz)";

std::vector<fs::path> EntriesOf(const fs::path& folder) {
  std::vector<fs::path> entries;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    if (!IsHidden(it->path())) entries.push_back(it->path());
  }
  std::ranges::sort(entries);
  return entries;
}

bool HasVolumes(const fs::path& folder) {
  std::error_code error;
  return std::ranges::any_of(EntriesOf(folder), [&](const fs::path& path) {
    return HasVolumeName(path) && fs::is_regular_file(path, error);
  });
}

// The folder in DIR that holds volumes and is surest to have a role; empty if there is none. The
// names of the Medical Segmentation Decathlon and of nnU-Net are known as well.
fs::path FolderOf(const fs::path& dir, FolderRole role) {
  fs::path best;
  auto surest = Sureness::kNone;
  std::error_code error;
  for (const fs::path& path : EntriesOf(dir)) {
    if (!fs::is_directory(path, error) || !HasVolumes(path)) continue;
    const char* training = role == FolderRole::kImages ? "imagesTr" : "labelsTr";
    const Sureness sure = path.filename() == training ? Sureness::kKnown : SurenessOf(path, role);
    if (sure < surest) std::tie(surest, best) = std::pair(sure, path);
  }
  return best;
}

// Reason and remedy of a message "REASON; REMEDY".
std::pair<std::string, std::string> Parted(const absl::Status& status) {
  const std::string text(status.message());
  const size_t at = text.find("; ");
  if (at == std::string::npos) return {text, "look at the file"};
  return {text.substr(0, at), text.substr(at + 2)};
}

// What is found out about a folder on the way.
class VolumeScan {
 public:
  VolumeScan(const fs::path& dir, const ImportOptions& import)
      : dir_(dir), import_(import), left_out_(dir), faults_(dir) {}

  absl::StatusOr<ImageFolder> Dataset(const std::optional<LabelTable>& labels,
                                      const ScanProgress& progress) {
    const fs::path images = FolderOf(dir_, FolderRole::kImages);
    const fs::path masks = FolderOf(dir_, FolderRole::kMasks);
    if (images.empty() || masks.empty()) {
      List(images.empty() ? masks : images);
      if (!faults_.empty()) return faults_.ToStatus();
      return absl::InvalidArgumentError(
          absl::StrCat(ShownPath(dir_), ": no folder of ",
                       images.empty() ? "volumes" : "masks of volumes", " was found; ", kExpected));
    }
    if (images.filename() != "images" || masks.filename() != "masks") {
      folder_.notes.push_back(absl::StrCat("volumes are read from ", ShownPath(images, dir_),
                                           "/, masks from ", ShownPath(masks, dir_), "/"));
    }
    Match(images, masks);
    AddGroups();
    if (faults_.empty()) {
      absl::Status read = ReadAll(progress);
      if (!read.ok()) return read;
    }
    if (faults_.empty()) JudgeLabels(labels, masks);
    return Finish();
  }

  absl::StatusOr<ImageFolder> References(const ScanProgress& progress) {
    const fs::path named = FolderOf(dir_, FolderRole::kImages);
    const std::vector<fs::path> files = List(HasVolumes(dir_) ? dir_ : named);
    for (const fs::path& file : files) folder_.items.push_back({VolumeStem(file), file, {}});
    AddGroups();
    if (faults_.empty()) {
      absl::Status read = ReadAll(progress);
      if (!read.ok()) return read;
    }
    return Finish();
  }

 private:
  void AddFault(const std::string& kind, const fs::path& path, const absl::Status& status) {
    auto [reason, remedy] = Parted(status);
    faults_.Add({.kind = kind,
                 .remedy = std::move(remedy),
                 .path = path,
                 .reason = std::move(reason),
                 .permission = absl::IsPermissionDenied(status)});
  }

  // The volumes of a folder, by name.
  std::vector<fs::path> List(const fs::path& folder) {
    std::vector<fs::path> volumes, pictures;
    std::error_code error;
    for (const fs::path& path : EntriesOf(folder)) {
      if (path == dir_ / kGroupsFile || fs::is_directory(path, error)) continue;
      if (HasVolumeName(path)) {
        if (!CheckInside(path, dir_, faults_)) continue;
        if (const absl::Status name = CheckItemName(VolumeStem(path)); !name.ok()) {
          AddFault("names that cannot be kept", path, name);
        } else {
          volumes.push_back(path);
        }
      } else if (HoldsImage(path)) {
        pictures.push_back(path);
      } else {
        left_out_.Add(path, WhyNotRead(path));
      }
    }
    // The fewer are what is out of place.
    const bool out_of_place = pictures.size() > volumes.size();
    if (pictures.empty()) return volumes;
    for (const fs::path& path : out_of_place ? volumes : pictures) {
      faults_.Add({.kind = "pictures and volumes in one folder",
                   .remedy = "a set is of pictures or of volumes: move these out, or push them as "
                             "a dataset of their own",
                   .path = path,
                   .reason = out_of_place ? "is a volume among pictures"
                                          : "is a picture, or a slice of DICOM, among volumes"});
    }
    return volumes;
  }

  void Match(const fs::path& images_folder, const fs::path& masks_folder) {
    const std::vector<fs::path> images = List(images_folder), masks = List(masks_folder);
    std::vector<std::string> image_stems, mask_stems;
    for (const fs::path& image : images) image_stems.push_back(VolumeStem(image));
    for (const fs::path& mask : masks) mask_stems.push_back(VolumeStem(mask));
    // nnU-Net's number of the one channel.
    const bool numbered = std::ranges::all_of(
        image_stems, [](const std::string& stem) { return absl::EndsWith(stem, "_0000"); });
    if (numbered) {
      for (std::string& stem : image_stems) stem.resize(stem.size() - 5);
    }
    const StemMatch match = MatchStems(image_stems, mask_stems);
    if (!match.rule.empty()) {
      folder_.notes.push_back(absl::StrCat("volumes and masks are matched by this rule: ",
                                           match.rule, " (", match.pairs.size(), " pairs)"));
    }
    for (const auto& [image, mask] : match.pairs) {
      folder_.items.push_back({image_stems[image], images[image], masks[mask]});
    }
    std::ranges::stable_sort(folder_.items, {}, &FolderItem::name);
    const auto alone = [&](const fs::path& path, const char* what) {
      faults_.Add(
          {.kind = absl::StrCat(what == std::string("mask") ? "volumes" : "masks", " without ",
                                what == std::string("mask") ? "a " : "their ", what),
           .remedy = "add the missing files under the same names, or remove these",
           .path = path,
           .reason = absl::StrCat("has no ", what, " of that name")});
    };
    for (const size_t i : match.images_alone) alone(images[i], "mask");
    for (const size_t i : match.masks_alone) alone(masks[i], "volume");
    for (const auto& [doubles, files] :
         {std::pair(&match.image_doubles, &images), std::pair(&match.mask_doubles, &masks)}) {
      for (const auto& [later, first] : *doubles) {
        faults_.Add({.kind = "names that could mean two files",
                     .remedy = "rename or remove one of the two",
                     .path = (*files)[later],
                     .reason = absl::StrCat("could be the same as ",
                                            ShownPath((*files)[first].filename()))});
      }
    }
  }

  void AddGroups() {
    const fs::path table = dir_ / kGroupsFile;
    std::error_code error;
    if (folder_.items.empty() || !fs::exists(table, error)) return;
    const size_t before = faults_.size();
    const size_t groups = ReadGroups(table, folder_.items, faults_);
    if (faults_.size() > before) return;
    folder_.notes.push_back(absl::StrCat("groups.csv: ", folder_.items.size(), " volumes in ",
                                         groups, groups == 1 ? " group" : " groups"));
  }

  // Reads every volume and writes it anew.
  absl::Status ReadAll(const ScanProgress& progress) {
    absl::StatusOr<std::unique_ptr<ScratchFolder>> scratch = ScratchFolder::Make();
    if (!scratch.ok()) return scratch.status();
    scratch_ = *std::move(scratch);
    MemoryGate gate(kMemory);
    std::vector<std::vector<std::pair<fs::path, absl::Status>>> found(folder_.items.size());
    absl::Status stopped;
    size_t done = 0;
    ForEachOnAllCores(folder_.items.size(), [&](size_t i) {
      FolderItem& item = folder_.items[i];
      const absl::StatusOr<NiftiHeader> header = ReadVolumeHeader(item.image);
      const size_t bytes =
          header.ok() ? kBytesOfVoxel * static_cast<size_t>(header->grid.voxels()) : 0;
      gate.Enter(bytes);
      const absl::Status written = ReadItem(i, item, found[i]);
      gate.Leave(bytes);
      const std::scoped_lock lock(mutex_);
      stopped.Update(written);
      if (progress && !progress(++done, folder_.items.size())) {
        stopped.Update(absl::CancelledError("stopped"));
      }
      return stopped.ok();
    });
    for (const auto& faults : found) {
      for (const auto& [path, status] : faults)
        AddFault("volumes that cannot be used", path, status);
    }
    return stopped;
  }

  using Found = std::vector<std::pair<fs::path, absl::Status>>;

  // An error where what is made can't be written; faults of the user's files go to `found`.
  absl::Status ReadItem(size_t index, FolderItem& item, Found& found) {
    absl::StatusOr<Volume> image = ReadVolume(item.image);
    if (!image.ok()) found.emplace_back(item.image, image.status());
    if (image.ok()) {
      ShowFrom(*image);
      item.width = static_cast<int>(image->grid.size[0]);
      item.height = static_cast<int>(image->grid.size[1]);
      item.depth = static_cast<int>(image->grid.size[2]);
      absl::Status written =
          Write(absl::StrFormat("image-%06d.nii.gz", index),
                PackVolume(*image, ImageTypeOf(*image)), item.image, item.image_source, found);
      if (!written.ok()) return written;
      image->voxels = {};
    }
    if (item.mask.empty()) return absl::OkStatus();
    absl::StatusOr<Volume> mask = ReadVolume(item.mask);
    if (!mask.ok()) {
      found.emplace_back(item.mask, mask.status());
      return absl::OkStatus();
    }
    absl::Status fits = CheckMask(*mask, image.ok() ? &image->grid : nullptr);
    if (!fits.ok()) {
      found.emplace_back(item.mask, fits);
      return absl::OkStatus();
    }
    CountLabels(index, *mask, item.facts);
    if (image.ok()) mask->grid.affine = image->grid.affine;
    mask->low = mask->high = 0;
    return Write(absl::StrFormat("mask-%06d.nii.gz", index), PackVolume(*mask, NiftiType::kUint8),
                 item.mask, item.mask_source, found);
  }

  absl::Status Write(const std::string& name, const std::string& bytes, fs::path& file,
                     fs::path& source, Found& found) const {
    if (static_cast<int64_t>(bytes.size()) > kMaxImageFileBytes) {
      found.emplace_back(file, absl::InvalidArgumentError(absl::StrCat(
                                   "it takes ", bytes.size() >> 20,
                                   " MiB packed, at most 256 are read; resample the volume, or "
                                   "cut it into parts")));
      return absl::OkStatus();
    }
    absl::Status written = scratch_->Write(name, bytes);
    if (!written.ok()) return written;
    source = file;
    file = scratch_->path() / name;
    return absl::OkStatus();
  }

  // The values that are shown from black to white, by the user's choice.
  void ShowFrom(Volume& image) {
    const ValueRange range =
        import_.window ? RangeOf(import_.window->window) : OwnRange(image.voxels);
    image.low = range.low;
    image.high = range.high;
    const bool hounsfield = !import_.window && LooksLikeHounsfield(image.voxels);
    const std::scoped_lock lock(mutex_);
    hounsfield_ += hounsfield ? 1 : 0;
    unoriented_ += image.oriented ? 0 : 1;
  }

  static absl::Status CheckMask(const Volume& mask, const VolumeGrid* image) {
    if (image != nullptr && mask.grid.size != image->size) {
      const auto text = [](const VolumeGrid& grid) {
        return absl::StrCat(grid.size[0], "x", grid.size[1], "x", grid.size[2]);
      };
      return absl::InvalidArgumentError(absl::StrCat(
          "the mask has ", text(mask.grid), " voxels, its volume ", text(*image),
          "; both must have the same grid: resample the mask to its volume's (nearest neighbour)"));
    }
    if (image != nullptr && !IsSameGrid(mask.grid, *image)) {
      return absl::InvalidArgumentError(
          "the mask lies elsewhere in space than its volume (another affine); resample the mask to "
          "its volume's grid (nearest neighbour), or copy the volume's affine if only the header "
          "is wrong");
    }
    const auto bad = std::ranges::count_if(mask.voxels, [](float value) {
      return value < 0 || value > 255 || value != std::floor(value);
    });
    if (bad == 0) return absl::OkStatus();
    return absl::InvalidArgumentError(
        absl::StrCat(bad,
                     " of the mask's voxels are no whole numbers from 0 to 255; store labels "
                     "as such (probabilities must be decided first)"));
  }

  void CountLabels(size_t index, const Volume& mask, ItemFacts& facts) {
    std::vector<uint8_t> values(mask.voxels.begin(), mask.voxels.end());
    const cv::Mat rows(static_cast<int>(mask.grid.size[1] * mask.grid.size[2]),
                       static_cast<int>(mask.grid.size[0]), CV_8U, values.data());
    std::vector<int> sizes;
    for (const auto& [preset, size] : PresetSizes(3)) sizes.push_back(size);
    facts.structures = StructuresOfVolume(mask.voxels, mask.grid, sizes);
    LabelUse own;
    own.Add(rows, index);
    const std::scoped_lock lock(mutex_);
    use_.Add(own);
  }

  void JudgeLabels(const std::optional<LabelTable>& given, const fs::path& masks) {
    const MaskPath path = [this](size_t index) { return folder_.items[index].GivenMask(); };
    folder_.labels_guessed = !given;
    if (given && given->coloured()) {
      faults_.Add({.kind = "labels",
                   .remedy = "give each label's value: --labels NAME=VALUE,...",
                   .path = masks,
                   .reason = "the labels are colours, but voxels of masks are numbers"});
    } else if (given) {
      AddStrayValues(*given, use_, path, faults_);
      folder_.labels = *given;
    } else if (const auto guess = GuessLabels(use_, false, masks, path, faults_)) {
      folder_.labels = *guess;
    }
    if (!faults_.empty()) return;
    folder_.label_rows = LabelRows(folder_.labels, use_);
    for (std::string& warning : LabelWarnings(folder_.labels, use_)) {
      folder_.warnings.push_back(std::move(warning));
    }
  }

  absl::StatusOr<ImageFolder> Finish() {
    if (folder_.items.empty() && faults_.empty()) {
      return absl::InvalidArgumentError(
          absl::StrCat(ShownPath(dir_), ": no volumes were found; ", kExpected));
    }
    if (!faults_.empty()) return faults_.ToStatus();
    const std::string window =
        import_.window
            ? absl::StrFormat("window %s (centre %g, width %g)",
                              import_.window->name.empty() ? "given" : import_.window->name,
                              import_.window->window.centre, import_.window->window.width)
            : "what 0.5 % and 99.5 % of its own values lie below";
    folder_.notes.push_back(
        absl::StrCat(folder_.items.size(), " volumes, each shown from black to white by ", window));
    if (hounsfield_ > 0 && !import_.percentiles) {
      folder_.warnings.push_back(
          absl::StrCat(hounsfield_, " of ", folder_.items.size(),
                       " volumes look like CT: give --window, such as ct-soft-tissue, for the same "
                       "Hounsfield units in all of them"));
    }
    if (unoriented_ > 0) {
      folder_.warnings.push_back(absl::StrCat(
          unoriented_, " of ", folder_.items.size(),
          " volumes do not say where the patient's right, front and up are: taken as stored from "
          "the patient's right to left, back to front and feet to head"));
    }
    if (import_.stems == StemRule::kNumber) {
      size_t number = 0;
      for (FolderItem& item : folder_.items) item.name = absl::StrFormat("%06d", ++number);
    }
    std::vector<std::string> left_out = left_out_.Sentences();
    folder_.warnings.insert(folder_.warnings.begin(), left_out.begin(), left_out.end());
    folder_.scratch = scratch_;
    return std::move(folder_);
  }

  const fs::path dir_;
  const ImportOptions import_;
  LeftOutList left_out_;
  FaultList faults_;
  ImageFolder folder_;
  std::shared_ptr<const ScratchFolder> scratch_;
  std::mutex mutex_;  // of what follows, while volumes are read
  LabelUse use_;
  size_t hounsfield_ = 0, unoriented_ = 0;
};

}  // namespace

bool HoldsVolumes(const fs::path& dir) {
  return HasVolumes(dir) || !FolderOf(dir, FolderRole::kImages).empty();
}

bool HoldsVolumeMasks(const fs::path& dir) { return !FolderOf(dir, FolderRole::kMasks).empty(); }

absl::StatusOr<ImageFolder> ScanAnyDataset(const fs::path& dir,
                                           const std::optional<LabelTable>& labels,
                                           const ScanProgress& progress,
                                           const ImportOptions& import) {
  if (!HoldsVolumes(dir) && !HoldsVolumeMasks(dir)) {
    return ScanDataset(dir, labels, progress, import);
  }
  return VolumeScan(dir, import).Dataset(labels, progress);
}

absl::StatusOr<ImageFolder> ScanAnyReferences(const fs::path& dir, const ScanProgress& progress,
                                              const ImportOptions& import) {
  if (!HoldsVolumes(dir)) return ScanReferences(dir, progress, import);
  return VolumeScan(dir, import).References(progress);
}

}  // namespace alignflow
