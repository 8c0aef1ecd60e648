#include "worker/volumes/volume_folder.h"

#include <algorithm>
#include <mutex>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/counted.h"
#include "common/data/image_probe.h"
#include "common/parallel.h"
#include "worker/data/file_listing.h"
#include "worker/data/image_file.h"
#include "worker/data/item_table.h"
#include "worker/data/memory_gate.h"
#include "worker/data/stem_match.h"
#include "worker/volumes/dicom_series.h"
#include "worker/volumes/structure_masks.h"
#include "worker/volumes/volume_file.h"
#include "worker/volumes/volume_formats.h"
#include "worker/volumes/volume_import.h"
#include "worker/volumes/volume_layout.h"
#include "worker/volumes/volume_window.h"

namespace alignflow {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMemory = size_t{3} << 30;  // of volumes that are worked on at the same time
constexpr size_t kBytesOfVoxel = 16;         // of an image, its mask and what is made of them
constexpr char kExpected[] =
    "put volumes into DIR/images and their masks, of the same names, into DIR/masks "
    "(images/a.nii.gz, or a folder images/a with a series of DICOM files, and masks/a.nii.gz)";

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
    NameStructures(labels, masks);
    AddTables();
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
    for (const fs::path& file : files) folder_.items.push_back({StemOfVolume(file), file, {}});
    AddTables();
    if (faults_.empty()) {
      absl::Status read = ReadAll(progress);
      if (!read.ok()) return read;
    }
    return Finish();
  }

 private:
  void AddFault(const std::string& kind, const fs::path& path, const absl::Status& status) {
    faults_.Add(FaultOf(status, path, kind));
  }

  // The volumes of a folder, by name; of masks also the folders of structures.
  std::vector<fs::path> List(const fs::path& folder, FolderRole role = FolderRole::kImages) {
    std::vector<fs::path> volumes, pictures;
    std::error_code error;
    for (const fs::path& path : EntriesOf(folder)) {
      if (IsItemTable(path, dir_)) continue;
      const bool is_folder = fs::is_directory(path, error);
      if (is_folder && folder == dir_ && HasRole(path)) continue;
      if (FormatOf(path) != VolumeFormat::kNone ||
          (role == FolderRole::kMasks && !StructureFiles(path).empty())) {
        if (!IsInside(path)) continue;
        if (const absl::Status name = CheckItemName(StemOfVolume(path)); !name.ok()) {
          AddFault("names that cannot be kept", path, name);
        } else {
          volumes.push_back(path);
        }
      } else if (is_folder) {
        AddFolder(path);
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

  // Whether an entry, and of a series its files, are in the folder that was given.
  bool IsInside(const fs::path& path) {
    if (!CheckInside(path, dir_, faults_)) return false;
    std::error_code error;
    if (!fs::is_directory(path, error)) return true;
    const bool series = !SeriesFiles(path).empty();
    for (const fs::path& file : EntriesOf(path)) {
      if (fs::is_symlink(file, error) && !CheckInside(file, dir_, faults_)) return false;
      if (!series) {
        if (FormatOf(file) == VolumeFormat::kNone) NoteBeside(file);
      } else if (HasImageName(file) || !HoldsImage(file)) {
        NoteBeside(file);
      }
    }
    return true;
  }

  void NoteBeside(const fs::path& file) {
    if (beside_++ == 0) first_beside_ = file;
  }

  // A folder among volumes that is no series.
  void AddFolder(const fs::path& path) {
    std::error_code closed;
    const fs::directory_iterator listed(path, closed);
    if (!closed) closed = EnterError(path);
    const size_t images = CountImagesBelow(path);
    if (closed) {
      AccessFault access = ExplainAccess(path, closed);
      faults_.Add({.kind = "files and folders that cannot be read",
                   .remedy = std::move(access.remedy),
                   .path = path,
                   .reason = std::move(access.reason),
                   .permission = closed == std::errc::permission_denied});
    } else if (images == 0) {
      left_out_.Add(path, kNoImages);
    } else {
      faults_.Add(
          {.kind = "folders inside that hold images and would be left out",
           .remedy = "a folder among volumes holds the DICOM files of one series, and no "
                     "folder inside is entered: move the files up, or these folders out",
           .path = path,
           .reason = absl::StrCat("holds ", Counted(images, "image"), " and would be left out")});
    }
  }

  void Match(const fs::path& images_folder, const fs::path& masks_folder) {
    const std::vector<fs::path> images = List(images_folder),
                                masks = List(masks_folder, FolderRole::kMasks);
    std::vector<std::string> image_stems, mask_stems;
    for (const fs::path& image : images) image_stems.push_back(StemOfVolume(image));
    for (const fs::path& mask : masks) mask_stems.push_back(StemOfVolume(mask));
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

  void NameStructures(const std::optional<LabelTable>& labels, const fs::path& masks) {
    std::vector<fs::path> paths;
    for (const FolderItem& item : folder_.items) paths.push_back(item.mask);
    absl::StatusOr<ChosenStructures> chosen = ChooseStructures(paths, labels);
    if (!chosen.ok()) return AddFault("structures", masks, chosen.status());
    structures_ = std::move(chosen->values);
    if (chosen->left_out.empty()) return;
    folder_.notes.push_back(absl::StrCat(
        Counted(chosen->left_out.size(), "structure"),
        " without a label left out: ", FirstTen(chosen->left_out, chosen->left_out.size())));
  }

  void AddTables() {
    if (folder_.items.empty()) return;
    ReadItemTables(dir_, "volume", folder_.items, folder_.notes, faults_);
  }

  // Reads every volume and writes it anew.
  absl::Status ReadAll(const ScanProgress& progress) {
    absl::StatusOr<std::unique_ptr<ScratchFolder>> scratch = ScratchFolder::Make();
    if (!scratch.ok()) return scratch.status();
    scratch_ = *std::move(scratch);
    MemoryGate gate(kMemory);
    std::vector<ImportedVolume> found(folder_.items.size());
    absl::Status stopped;
    std::mutex mutex;
    size_t done = 0;
    ForEachOnAllCores(folder_.items.size(), [&](size_t i) {
      FolderItem& item = folder_.items[i];
      const size_t bytes = kBytesOfVoxel * static_cast<size_t>(CountVoxels(item.image).value_or(0));
      gate.Enter(bytes);
      const absl::Status written = ImportVolume(i, import_, structures_, *scratch_, item, found[i]);
      gate.Leave(bytes);
      const std::scoped_lock lock(mutex);
      stopped.Update(written);
      if (progress && !progress(++done, folder_.items.size())) {
        stopped.Update(absl::CancelledError("stopped"));
      }
      return stopped.ok();
    });
    for (const ImportedVolume& volume : found) Count(volume);
    return stopped;
  }

  void Count(const ImportedVolume& volume) {
    for (const auto& [path, status] : volume.faults) {
      AddFault("volumes that cannot be used", path, status);
    }
    use_.Add(volume.labels);
    hounsfield_ += volume.hounsfield ? 1 : 0;
    unoriented_ += volume.unoriented ? 1 : 0;
    tilted_ += volume.tilted ? 1 : 0;
    inverted_ += volume.inverted ? 1 : 0;
  }

  void JudgeLabels(const std::optional<LabelTable>& given, const fs::path& masks) {
    const MaskPath path = [this](size_t index) { return folder_.items[index].GivenMask(); };
    folder_.labels_from = given                 ? LabelOrigin::kGiven
                          : structures_.empty() ? LabelOrigin::kGuessed
                                                : LabelOrigin::kNamed;
    if (given && given->coloured()) {
      faults_.Add({.kind = "labels",
                   .remedy = "give each label's value: --labels NAME=VALUE,...",
                   .path = masks,
                   .reason = "the labels are colours, but voxels of masks are numbers"});
    } else if (given) {
      AddStrayValues(*given, use_, path, faults_);
      folder_.labels = *given;
    } else if (!structures_.empty()) {
      std::vector<LabelTable::Label> named;
      for (const auto& [name, value] : structures_) named.push_back({.name = name, .value = value});
      const auto table = LabelTable::Make(std::move(named), 0);
      if (table.ok()) {
        folder_.labels = *table;
      } else {
        AddFault("structures", masks, table.status());
      }
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
    folder_.notes.push_back(absl::StrCat(Counted(folder_.items.size(), "volume"),
                                         ", each shown from black to white by ", window));
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
    NoteSlices();
    NumberItems();
    std::vector<std::string> left_out = left_out_.Sentences();
    if (beside_ > 0) {
      left_out.push_back(absl::StrCat(
          Counted(beside_, "file"), " beside structures, or DICOM files of a series, left out: ",
          ShownPath(first_beside_, dir_), beside_ > 1 ? " and so on" : ""));
    }
    folder_.warnings.insert(folder_.warnings.begin(), left_out.begin(), left_out.end());
    folder_.scratch = scratch_;
    return std::move(folder_);
  }

  void NoteSlices() {
    const std::string of_all = absl::StrCat(" of ", folder_.items.size(), " volumes ");
    if (tilted_ > 0) {
      folder_.warnings.push_back(absl::StrCat(
          tilted_, of_all,
          "have slices that are shifted against each other (a tilted gantry): files keep them "
          "where "
          "they lie, but models see them straight above each other; resample them, such as with "
          "dcm2niix, where that matters"));
    }
    if (inverted_ > 0) {
      folder_.notes.push_back(absl::StrCat(
          inverted_, of_all,
          "show low values as white (MONOCHROME1): black and white are exchanged in them"));
    }
  }

  // Names of folders and files may be those of patients where hospitals' systems write them.
  void NumberItems() {
    const bool dicom = std::ranges::any_of(folder_.items, [](const FolderItem& item) {
      return IsDicomFormat(FormatOf(item.GivenImage()));
    });
    const bool numbered =
        import_.stems == StemRule::kNumber || (import_.stems == StemRule::kNumberDicom && dicom);
    if (!numbered) return;
    size_t number = 0;
    for (FolderItem& item : folder_.items) item.name = absl::StrFormat("%06d", ++number);
    if (!dicom) return;
    folder_.notes.push_back(
        "volumes are called by numbers, in the order of their names, because names of DICOM series "
        "may be those of patients; --stems keep keeps them");
  }

  const fs::path dir_;
  const ImportOptions import_;
  LeftOutList left_out_;
  int64_t beside_ = 0;  // files in volumes' own folders that are no part of them
  fs::path first_beside_;
  FaultList faults_;
  ImageFolder folder_;
  std::shared_ptr<const ScratchFolder> scratch_;
  StructureValues structures_;
  LabelUse use_;
  size_t hounsfield_ = 0, unoriented_ = 0, tilted_ = 0, inverted_ = 0;
};

}  // namespace

absl::StatusOr<ImageFolder> ScanAnyDataset(const fs::path& dir,
                                           const std::optional<LabelTable>& labels,
                                           const ScanProgress& progress,
                                           const ImportOptions& import) {
  if (!HoldsVolumes(dir) && (!HoldsVolumeMasks(dir) || HoldsPictureSegmentations(dir))) {
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
