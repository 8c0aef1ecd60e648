#include "worker/data/image_folder.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/counted.h"
#include "common/data/manifest.h"
#include "worker/data/file_listing.h"
#include "worker/data/folder_layout.h"
#include "worker/data/image_decode.h"
#include "worker/data/item_table.h"
#include "worker/data/stem_match.h"
#include "worker/dicom/dicom_kind.h"

namespace alignflow {
namespace {

namespace fs = std::filesystem;
using Paths = std::vector<fs::path>;
using Images = std::vector<ListedImage>;

// What is found out about a folder on the way.
struct Scan {
  Scan(const fs::path& root, const ImportOptions& options)
      : dir(root), left_out(root), faults(root), import(options, faults) {}

  fs::path dir;
  LeftOutList left_out;
  FaultList faults;
  ImageImport import;
  ImageFolder folder;
};

std::vector<std::string> StemsOf(const Paths& files) {
  std::vector<std::string> stems;
  stems.reserve(files.size());
  for (const fs::path& file : files) stems.push_back(StemOf(file));
  return stems;
}

std::vector<std::string> StemsOf(const Images& images) {
  std::vector<std::string> stems;
  stems.reserve(images.size());
  for (const ListedImage& image : images) stems.push_back(image.stem);
  return stems;
}

Paths FilesOf(const Images& images) {
  Paths files;
  files.reserve(images.size());
  for (const ListedImage& image : images) files.push_back(image.file);
  return files;
}

Paths Chosen(const Paths& files, const std::vector<size_t>& indices) {
  Paths chosen;
  for (const size_t index : indices) chosen.push_back(files[index]);
  return chosen;
}

// The images of a folder of which some are expected.
Paths ListSome(const fs::path& folder, Scan& scan) {
  const size_t faults_before = scan.faults.size();
  Paths images = ListImages(folder, scan.dir, scan.left_out, scan.faults);
  if (images.size() > kMaxManifestItems) {
    scan.faults.Add({.kind = "folders with too many images",
                     .remedy = "split the dataset",
                     .path = folder,
                     .reason = "holds more than 1,000,000 images"});
  }
  // Where there are faults, they say why nothing was found.
  if (images.empty() && scan.faults.size() == faults_before) {
    std::string reason = "holds no images";
    for (const std::string& other : scan.left_out.SentencesOf(folder)) {
      absl::StrAppend(&reason, "; ", other);
    }
    scan.faults.Add({.kind = "folders without images",
                     .remedy = absl::StrCat("put ", kImageNames, " files there"),
                     .path = folder,
                     .reason = std::move(reason)});
  }
  return images;
}

// DICOM files as masks, of which segmentations alone are read.
void RefuseDicomMasks(Paths& masks, Scan& scan) {
  std::erase_if(masks, [&scan](const fs::path& mask) {
    if (HasImageName(mask)) return false;
    const absl::StatusOr<DicomHeader> header = ReadDicomHeader(mask);
    if (header.ok() && IsSegmentation(*header)) return false;
    scan.faults.Add({.kind = "masks that cannot be used",
                     .remedy = "export the masks as PNG, or as DICOM segmentations, one for each "
                               "image, under its stem",
                     .path = mask,
                     .reason = "is a DICOM file, but no segmentation, so it is read as an image "
                               "and not as a mask"});
    return true;
  });
}

// Images and masks of a dataset, in that order.
std::pair<Paths, Paths> ListFiles(const FolderLayout& layout, Scan& scan) {
  Paths images = ListSome(layout.images, scan);
  if (layout.masks != layout.images) return {std::move(images), ListSome(layout.masks, scan)};
  const std::optional<MarkedMasks> marked = FindMarkedMasks(StemsOf(images));
  if (!marked) return {std::move(images), Paths()};
  return {Chosen(images, marked->images), Chosen(images, marked->masks)};
}

std::pair<Images, Paths> ListDataset(const FolderLayout& layout, Scan& scan) {
  auto [files, masks] = ListFiles(layout, scan);
  RefuseDicomMasks(masks, scan);
  return {scan.import.ListFrames(files), std::move(masks)};
}

void AddDoubles(const std::vector<std::pair<size_t, size_t>>& doubles, const Paths& files,
                Scan& scan) {
  for (const auto& [later, first] : doubles) {
    const bool same = StemOf(files[later]) == StemOf(files[first]);
    scan.faults.Add(
        {.kind = "names that could mean two files",
         .remedy = "rename or remove one of the two",
         .path = files[later],
         .reason = absl::StrCat("has the same stem as ", ShownPath(files[first].filename()),
                                same ? "" : " by the rule that matches most names")});
  }
}

// "the images have masks of ...": how the rest of the set is matched, for a file that is not.
std::string ByRule(const StemMatch& match) {
  return match.rule.empty() ? "" : absl::StrCat(" (rule of the other files: ", match.rule, ")");
}

void AddUnmatched(const StemMatch& match, const Images& images, const Paths& masks,
                  const FolderLayout& layout, Scan& scan) {
  for (const size_t index : match.images_alone) {
    const fs::path wanted = layout.masks / (images[index].stem + ".png");
    scan.faults.Add({.kind = "images without a mask",
                     .remedy = "add the masks under names that follow the same rule as the "
                               "others, or remove the images",
                     .path = images[index].file,
                     .reason = match.rule.empty() ? absl::StrCat("has no mask, such as ",
                                                                 ShownPath(wanted, scan.dir))
                                                  : "has no mask" + ByRule(match)});
  }
  for (const size_t index : match.masks_alone) {
    scan.faults.Add({.kind = "masks without an image",
                     .remedy = "add the images under names that follow the same rule as the "
                               "others, or remove the masks",
                     .path = masks[index],
                     .reason = "has no image of that name" + ByRule(match)});
  }
}

// The pairs, and files that are left alone, which are checked as well: all faults at once.
std::vector<FolderItem> MakeItems(const StemMatch& match, const Images& images,
                                  const Paths& masks) {
  std::vector<FolderItem> items;
  items.reserve(match.pairs.size());
  const auto add = [&](const ListedImage& image, const fs::path& mask) {
    items.push_back({image.stem, image.usable ? image.file : fs::path(), mask});
    items.back().frame = image.frame;
  };
  for (const auto& [image, mask] : match.pairs) add(images[image], masks[mask]);
  for (const size_t i : match.images_alone) add(images[i], {});
  for (const size_t i : match.masks_alone) {
    items.push_back({StemOf(masks[i]), {}, masks[i]});
  }
  std::ranges::stable_sort(items, {}, &FolderItem::name);
  return items;
}

// Without a table of groups nothing is asked: the names may tell (common/data/groups.h).
void AddTables(Scan& scan) {
  ReadItemTables(scan.dir, "image", scan.folder.items, scan.folder.notes, scan.faults);
}

// Of masks stored with loss the labels had to be guessed before each pixel could be given its own.
LabelUse ReadMasksAgain(Scan& scan) {
  std::vector<FolderItem> masks = scan.folder.items;
  for (FolderItem& item : masks) item.image.clear();
  LeftOutList known(scan.dir);
  SetFacts facts;
  CheckItems(masks, &scan.folder.labels, {}, facts, known, scan.faults).IgnoreError();
  return facts.labels;
}

// What the files have told besides of the labels: warnings, and the bits of 16-bit images.
void Conclude(const SetFacts& facts, ImageFolder& folder) {
  for (std::string& sentence : facts.notes.Sentences()) {
    folder.warnings.push_back(std::move(sentence));
  }
  folder.sample_bits = SampleBits(facts.greatest_sample);
  if (facts.greatest_sample == 0) return;
  folder.warnings.push_back(absl::StrCat(
      "the greatest sample of the 16-bit images is ", facts.greatest_sample,
      ", so they are read as ", folder.sample_bits, " bits: ", (1 << folder.sample_bits) - 1,
      " becomes white (--window shows other values)"));
}

// Sets the folder's labels, its rows and warnings, or adds faults.
void JudgeLabels(const std::optional<LabelTable>& given, const SetFacts& facts,
                 const FolderLayout& layout, Scan& scan) {
  ImageFolder& folder = scan.folder;
  LabelUse use = facts.labels;
  const MaskPath path = [&folder](size_t index) { return folder.items[index].GivenMask(); };
  folder.labels_from = given ? LabelOrigin::kGiven : LabelOrigin::kGuessed;
  if (given) {
    AddStrayValues(*given, use, path, scan.faults);
    folder.labels = *given;
  } else if (use.masks() > 0) {
    const auto guess = GuessLabels(use, facts.lossy_masks, layout.masks, path, scan.faults);
    if (guess) folder.labels = *guess;
    if (guess && facts.lossy_masks) {
      use = ReadMasksAgain(scan);
      AddStrayValues(*guess, use, path, scan.faults);
    }
  }
  if (!scan.faults.empty()) return;
  folder.label_rows = LabelRows(folder.labels, use);
  for (std::string& warning : LabelWarnings(folder.labels, use)) {
    folder.warnings.push_back(std::move(warning));
  }
}

absl::StatusOr<ImageFolder> Finish(Scan& scan) {
  if (!scan.faults.empty()) return scan.faults.ToStatus();
  scan.import.NumberItems(scan.folder.items);
  scan.folder.scratch = scan.import.scratch();
  for (std::string& note : scan.import.Notes()) scan.folder.notes.push_back(std::move(note));
  for (std::string& warning : scan.import.Warnings()) {
    scan.folder.warnings.push_back(std::move(warning));
  }
  std::vector<std::string> left_out = scan.left_out.Sentences();
  scan.folder.warnings.insert(scan.folder.warnings.begin(), left_out.begin(), left_out.end());
  return std::move(scan.folder);
}

}  // namespace

absl::StatusOr<ImageFolder> ScanDataset(const fs::path& dir,
                                        const std::optional<LabelTable>& labels,
                                        const ScanProgress& progress, const ImportOptions& import) {
  Scan scan(dir, import);
  const auto layout = FindDatasetLayout(dir, scan.left_out, scan.faults);
  if (!layout.ok()) return layout.status();
  if (!layout->note.empty()) scan.folder.notes.push_back(layout->note);

  const auto [images, masks] = ListDataset(*layout, scan);
  const StemMatch match = MatchStems(StemsOf(images), StemsOf(masks));
  AddDoubles(match.image_doubles, FilesOf(images), scan);
  AddDoubles(match.mask_doubles, masks, scan);
  // Without any files on one side, that is the fault.
  if (!images.empty() && !masks.empty()) AddUnmatched(match, images, masks, *layout, scan);
  if (!match.rule.empty()) {
    scan.folder.notes.push_back(absl::StrCat("images and masks are matched by this rule: ",
                                             match.rule, " (", match.pairs.size(), " pairs)"));
  }

  scan.folder.items = MakeItems(match, images, masks);
  AddTables(scan);
  SetFacts facts;
  const LabelTable* given = labels ? &*labels : nullptr;
  absl::Status checked = scan.import.Convert(scan.folder.items, given, progress);
  if (!checked.ok()) return checked;
  checked = CheckItems(scan.folder.items, given, progress, facts, scan.left_out, scan.faults);
  if (!checked.ok()) return checked;
  Conclude(facts, scan.folder);
  JudgeLabels(labels, facts, *layout, scan);
  return Finish(scan);
}

absl::StatusOr<ImageFolder> ScanReferences(const fs::path& dir, const ScanProgress& progress,
                                           const ImportOptions& import) {
  Scan scan(dir, import);
  const auto layout = FindReferenceLayout(dir, scan.left_out, scan.faults);
  if (!layout.ok()) return layout.status();
  if (!layout->note.empty()) scan.folder.notes.push_back(layout->note);
  Paths files = ListSome(layout->images, scan);
  if (const auto marked = FindMarkedMasks(StemsOf(files))) {
    for (const size_t i : marked->masks) {
      scan.left_out.Add(files[i], absl::StrCat("masks by their names (", marked->mark,
                                               "): of references, only the images are read"));
    }
    files = Chosen(files, marked->images);
  }
  const Images images = scan.import.ListFrames(files);
  const StemMatch alone = MatchStems(StemsOf(images), {});
  AddDoubles(alone.image_doubles, FilesOf(images), scan);
  scan.folder.items = MakeItems(alone, images, {});
  AddTables(scan);
  SetFacts facts;
  absl::Status checked = scan.import.Convert(scan.folder.items, nullptr, progress);
  if (!checked.ok()) return checked;
  checked = CheckItems(scan.folder.items, nullptr, progress, facts, scan.left_out, scan.faults);
  if (!checked.ok()) return checked;
  Conclude(facts, scan.folder);
  if (scan.folder.items.size() > kMaxReferences) {
    scan.faults.Add({.kind = "too many references",
                     .remedy = "take some of them; about 10 from several patients are good",
                     .path = dir,
                     .reason = absl::StrCat("holds ", scan.folder.items.size(),
                                            " references, and at most 10,000 are taken")});
  }
  if (scan.folder.items.size() == 1) {
    scan.folder.warnings.push_back(
        "there is a single reference image: the result may be biased to it; the paper uses 10");
  }
  return Finish(scan);
}

}  // namespace alignflow
