#include "client/view_folder.h"

#include <algorithm>
#include <fstream>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <opencv2/imgproc.hpp>
#include <span>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "client/message_json.h"
#include "client/output_file.h"
#include "client/upload.h"
#include "common/parallel.h"
#include "common/status_conversion.h"
#include "worker/data/contact_sheet.h"
#include "worker/data/file_listing.h"
#include "worker/data/image_decode.h"
#include "worker/data/image_file.h"
#include "worker/data/image_folder.h"
#include "worker/framing/view_cut.h"

namespace alignflow {
namespace {

namespace fs = std::filesystem;

constexpr size_t kSheetRows = 8, kSheetColumns = 3;  // pictures on the contact sheet, and per row
constexpr int kSheetTile = 160;
constexpr size_t kNamed = 20;

absl::StatusOr<cv::Mat> ImageOf(const FolderItem& item, int sample_bits) {
  auto bytes = ReadImageFile(item.image);
  if (!bytes.ok()) return bytes.status();
  return DecodeImage(*bytes, ShownPath(item.GivenImage()), sample_bits);
}

absl::StatusOr<cv::Mat> MaskOf(const FolderItem& item, const LabelTable& labels) {
  auto bytes = ReadImageFile(item.mask);
  if (!bytes.ok()) return bytes.status();
  return DecodeMask(*bytes, ShownPath(item.GivenMask()), &labels);
}

absl::Status Write(const fs::path& file, absl::StatusOr<std::string> png) {
  if (!png.ok()) return png.status();
  return WriteInFolder(file, *png);
}

Json LineOf(const std::string& name, const View& view, int background, const std::string& shape) {
  return {{"name", name},
          {"width", view.width},
          {"height", view.height},
          {"view", {view.box.x, view.box.y, view.box.width, view.box.height}},
          {"background", background},
          {"shape", absl::Base64Escape(shape)}};
}

// The pictures with their views outlined, beside the views.
class Sheet {
 public:
  // Which pictures of `count` are shown: equally spaced.
  explicit Sheet(size_t count) : shown_(std::min(count, kSheetRows * kSheetColumns)) {
    for (size_t i = 0; i < shown_; ++i) places_[i * count / shown_] = i;
    pictures_.resize(shown_), shapes_.resize(shown_), cuts_.resize(shown_);
  }

  void Add(size_t item, const cv::Mat& image, const View& view) {
    const auto place = places_.find(item);
    if (place == places_.end()) return;
    const double scale = static_cast<double>(kSheetTile) / std::max(image.cols, image.rows);
    const View small = AtSize(view, std::max(1, static_cast<int>(image.cols * scale)),
                              std::max(1, static_cast<int>(image.rows * scale)));
    cv::Mat picture, shape(small.height, small.width, CV_8U, cv::Scalar(0));
    cv::resize(image, picture, shape.size(), 0, 0, cv::INTER_AREA);
    ShapeAt(small, small.box.size()).copyTo(shape(small.box));
    const std::scoped_lock lock(mutex_);
    pictures_[place->second] = picture;
    shapes_[place->second] = shape;
    cuts_[place->second] = CutImage(image, view, {kSheetTile, kSheetTile});
  }

  absl::Status Write(const fs::path& file) const {
    std::vector<ContactSheetColumn> columns;
    for (size_t c = 0; c < kSheetColumns; ++c) {
      ContactSheetColumn whole, cut;
      whole.title = "picture";
      cut.title = "view";
      for (size_t i = c; i < shown_; i += kSheetColumns) {
        whole.images.push_back(pictures_[i]);
        whole.masks.push_back(shapes_[i]);
        cut.images.push_back(cuts_[i]);
      }
      columns.push_back(std::move(whole));
      columns.push_back(std::move(cut));
    }
    auto png = EncodePng(ContactSheet(columns, {.title = "fields of view", .tile = kSheetTile}));
    return alignflow::Write(file, std::move(png));
  }

 private:
  size_t shown_;
  std::map<size_t, size_t> places_;
  std::vector<cv::Mat> pictures_, shapes_, cuts_;
  std::mutex mutex_;
};

cv::Size SizeOf(const View& view, int size) {
  return size > 0 ? cv::Size(size, size) : view.box.size();
}

// One picture: its files, and its line.
absl::StatusOr<Json> CutOne(const FolderItem& item, size_t index, const ImageFolder& folder,
                            int size, const fs::path& out, Sheet& sheet, bool& whole) {
  auto image = ImageOf(item, folder.sample_bits);
  if (!image.ok()) return image.status();
  const View view = FindView(*image);
  whole = view.IsWhole();
  sheet.Add(index, *image, view);
  absl::Status written = Write(out / "images" / (item.name + ".png"),
                               EncodePng(CutImage(*image, view, SizeOf(view, size))));
  if (!written.ok()) return written;
  if (!item.mask.empty()) {
    auto mask = MaskOf(item, folder.labels);
    if (!mask.ok()) return mask.status();
    const cv::Mat cut = CutMask(*mask, view, SizeOf(view, size), folder.labels.background());
    written = Write(out / "masks" / (item.name + ".png"), EncodeMask(cut, folder.labels));
    if (!written.ok()) return written;
  }
  auto shape = EncodePng(view.shape);
  if (!shape.ok()) return shape.status();
  return LineOf(item.name, view, folder.labels.background(), *shape);
}

struct StoredView {
  View view;
  int background = 0;
};

absl::StatusOr<StoredView> ParseView(const Json& line) {
  try {
    StoredView stored{.view = {.width = line.at("width"),
                               .height = line.at("height"),
                               .box = {line.at("view").at(0), line.at("view").at(1),
                                       line.at("view").at(2), line.at("view").at(3)},
                               .shape = {},
                               .border = {}},
                      .background = line.at("background")};
    std::string shape;
    const cv::Rect& box = stored.view.box;
    const bool inside = stored.view.width > 0 && stored.view.height > 0 &&
                        stored.view.width <= 65535 && stored.view.height <= 65535 &&
                        box.width > 0 && box.height > 0 && box.x >= 0 && box.y >= 0 &&
                        box.x <= stored.view.width - box.width &&
                        box.y <= stored.view.height - box.height && stored.background >= 0 &&
                        stored.background <= 255;
    if (inside && absl::Base64Unescape(line.at("shape").get<std::string>(), &shape)) {
      auto pixels = DecodeMask(shape, "shape");
      if (pixels.ok()) {
        stored.view.shape = *pixels;
        return stored;
      }
    }
  } catch (const Json::exception&) {  // said below
  }
  return absl::InvalidArgumentError("no view of a picture");
}

absl::StatusOr<std::map<std::string, StoredView>> ReadViews(const fs::path& folder) {
  const fs::path file = folder / kViewsFile;
  std::ifstream stream(file);
  if (!stream) {
    return absl::NotFoundError(
        absl::StrCat(ShownPath(file), " can't be read: name a folder that `afctl view` wrote"));
  }
  std::map<std::string, StoredView> views;
  int number = 0;
  for (std::string line; std::getline(stream, line);) {
    ++number;
    const Json json = Json::parse(line, nullptr, /*allow_exceptions=*/false);
    const bool named = json.is_object() && json.contains("name") && json["name"].is_string();
    auto view = named ? ParseView(json) : absl::InvalidArgumentError("no view of a picture");
    if (!view.ok()) {
      return absl::InvalidArgumentError(absl::StrCat(
          ShownPath(file), " line ", number, ": ", std::string(view.status().message()),
          "; was the file edited? Run `afctl view` again"));
    }
    views[json["name"].get<std::string>()] = *std::move(view);
  }
  return views;
}

absl::Status PutOneBack(const fs::path& file, const StoredView& stored, const fs::path& out) {
  auto bytes = ReadImageFile(file);
  if (!bytes.ok()) return bytes.status();
  auto mask = DecodeMask(*bytes, ShownPath(file));
  if (!mask.ok()) return mask.status();
  return Write(out / (file.stem().string() + ".png"),
               EncodePng(PutMaskBack(*mask, stored.view, stored.background)));
}

}  // namespace

absl::StatusOr<ViewSummary> CutViews(Session& session, const ScannedFolder& scanned,
                                     const fs::path& out, int size) {
  const ImageFolder& folder = scanned.folder;
  const absl::Status made = MakeDatasetFolder(out, scanned.masks);
  if (!made.ok()) return made;

  Counter counter(session.console);
  ViewSummary summary{.images = folder.items.size(), .whole = 0, .masks = scanned.masks};
  Sheet sheet(folder.items.size());
  std::vector<absl::StatusOr<Json>> lines(folder.items.size(), absl::UnknownError(""));
  std::mutex mutex;
  size_t done = 0;
  ForEachOnAllCores(folder.items.size(), [&](size_t i) {
    bool whole = false;
    lines[i] = CutOne(folder.items[i], i, folder, size, out, sheet, whole);
    const std::scoped_lock lock(mutex);
    if (whole) ++summary.whole;
    ++done;
    counter.Show(absl::StrCat("cut ", done, "/", lines.size()), done == lines.size());
    return lines[i].ok();
  });
  counter.End();
  std::string text;
  for (const absl::StatusOr<Json>& line : lines) {
    // Of those that were not begun the reason stands elsewhere.
    if (!line.ok() && !absl::IsUnknown(line.status())) return line.status();
    if (line.ok()) absl::StrAppend(&text, line->dump(), "\n");
  }
  absl::Status written = sheet.Write(out / "contact-sheet.png");
  if (written.ok()) written = WriteInFolder(out / kViewsFile, text);
  if (!written.ok()) return written;
  return summary;
}

absl::StatusOr<size_t> PutViewsBack(const fs::path& views, const fs::path& dir,
                                    const fs::path& out) {
  auto known = ReadViews(views);
  if (!known.ok()) return known.status();
  std::error_code error;
  const fs::path folder = fs::is_directory(dir / "masks", error) ? dir / "masks" : dir;
  if (!fs::is_directory(folder, error)) {
    return absl::NotFoundError(absl::StrCat(ShownPath(dir), " is not a folder"));
  }
  LeftOutList left_out(folder);
  FaultList faults(folder);
  const std::vector<fs::path> files = ListImages(folder, folder, left_out, faults);
  std::vector<std::string> unknown;
  for (const fs::path& file : files) {
    if (!known->contains(file.stem().string())) unknown.push_back(ShownPath(file.filename()));
  }
  if (!faults.empty()) return faults.ToStatus();
  if (files.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(ShownPath(folder), " holds no masks"));
  }
  if (!unknown.empty()) {
    const size_t count = unknown.size();
    unknown.resize(std::min(count, kNamed));
    return absl::InvalidArgumentError(
        absl::StrCat(ShownPath(views / kViewsFile), " has no view for ", FirstTen(unknown, count),
                     ": masks must have the names of the views' images"));
  }
  absl::Status made = MakeEmptyFolder(out);
  if (!made.ok()) return made;
  std::vector<absl::Status> statuses(files.size());
  ForEachOnAllCores(files.size(), [&](size_t i) {
    statuses[i] = PutOneBack(files[i], known->at(files[i].stem().string()), out);
    return statuses[i].ok();
  });
  for (const absl::Status& status : statuses) {
    if (!status.ok()) return status;
  }
  return files.size();
}

}  // namespace alignflow
