#include "worker/figures/samples.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <numeric>
#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "worker/data/contact_sheet.h"
#include "worker/data/image_decode.h"
#include "worker/figures/gates.h"
#include "worker/sets/pixels.h"
#include "worker/tasks/task_error.h"

namespace alignflow {
namespace {

constexpr int64_t kSamples = 12;
constexpr int64_t kNearMisses = 4;
constexpr int kLargestSide = 256;
constexpr int64_t kSheetRows = 8;
constexpr int kSheetTile = 128;

std::string Base64Png(const cv::Mat& pixels, int interpolation) {
  cv::Mat small = pixels;
  if (pixels.rows > kLargestSide) {
    const int width = pixels.cols * kLargestSide / pixels.rows;
    cv::resize(pixels, small, cv::Size(width, kLargestSide), 0, 0, interpolation);
  }
  return absl::Base64Escape(ValueOrThrow(EncodePng(small)));
}

nlohmann::json PictureOf(const ImageSet& set, int64_t row) {
  nlohmann::json picture{{"png", Base64Png(ImageOfTensor(set.images[row]), cv::INTER_AREA)}};
  if (set.classes.defined()) {
    picture["mask"] = Base64Png(MaskOfTensor(set.classes[row], set.labels), cv::INTER_NEAREST);
  }
  return picture;
}

// Rows of the pairs that SamplesJson shows, in order.
std::vector<int64_t> SampledRows(const FigureSubject& made) {
  std::vector<int64_t> rows;
  const int64_t spread = std::min(made.size(), kSamples);
  for (int64_t i = 0; i < spread; ++i) rows.push_back(i * made.size() / spread);
  std::vector<std::pair<double, int64_t>> agreements;
  for (int64_t row = 0; row < made.size(); ++row) {
    const std::optional<double> agreement = MaskAgreementOf(made, row);
    if (agreement && !std::ranges::binary_search(rows, row))
      agreements.emplace_back(*agreement, row);
  }
  std::ranges::sort(agreements);
  const auto misses = std::min<size_t>(agreements.size(), kNearMisses);
  for (size_t i = 0; i < misses; ++i) rows.push_back(agreements[i].second);
  std::ranges::sort(rows);
  return rows;
}

void AddNamed(const ImageSet& set, const std::string& name, const char* as,
              nlohmann::json& images) {
  const auto found = std::ranges::find(set.names, name);
  if (found != set.names.end()) images[as] = PictureOf(set, found - set.names.begin());
}

// Rows of a set for the sheet; -1 leaves a place free.
ContactSheetColumn ColumnOf(const std::string& title, const ImageSet& set, int background,
                            const std::vector<int64_t>& rows) {
  ContactSheetColumn column;
  column.title = title;
  for (const int64_t row : rows) {
    if (row < 0) {
      column.images.emplace_back();
      column.masks.emplace_back();
      continue;
    }
    column.images.push_back(ImageOfTensor(set.images[row]));
    if (!set.classes.defined()) continue;
    // The sheet outlines all values but one, so every table's background becomes the same.
    cv::Mat mask = MaskOfTensor(set.classes[row], set.labels);
    mask.setTo(background, mask == set.labels.background());
    column.masks.push_back(mask);
  }
  return column;
}

// From all over a set: neighbours may be frames of one video.
std::vector<int64_t> Spread(const FigureSubject& subject) {
  const int64_t count = std::min(subject.size(), kSheetRows);
  std::vector<int64_t> rows;
  for (int64_t i = 0; i < count; ++i) rows.push_back(i * subject.size() / count);
  return rows;
}

// The row of a pair in a subject; -1 if it is not there.
int64_t RowOfPair(const FigureSubject& subject, int64_t pair) {
  const auto found = std::ranges::find(subject.pairs.pairs, pair);
  return found == subject.pairs.pairs.end() ? -1 : found - subject.pairs.pairs.begin();
}

// The subject of which a pair that the job hands out is a part.
std::string NameOfPart(const FigureSets& sets, int64_t pair) {
  for (const FigureSubject& part : sets.subjects) {
    if (!part.rows.empty() && RowOfPair(part, pair) >= 0) return part.name;
  }
  return sets.made().name;
}

std::vector<int64_t> SheetRows(const FigureSubject& made) {
  std::vector<int64_t> rows(std::min(made.size(), kSheetRows));
  std::iota(rows.begin(), rows.end(), 0);
  return rows;
}

}  // namespace

std::vector<int64_t> RowsToShow(const FigureSubject& made) {
  std::vector<int64_t> rows = SampledRows(made);
  const std::vector<int64_t> sheet = SheetRows(made);
  rows.insert(rows.end(), sheet.begin(), sheet.end());
  std::ranges::sort(rows);
  rows.erase(std::ranges::unique(rows).begin(), rows.end());
  return rows;
}

std::string SamplesJson(const FigureSets& sets) {
  const FigureSubject& made = sets.made();
  const FigureSubject* stage1 = sets.Find("stage 1");
  nlohmann::json samples = nlohmann::json::array();
  for (const int64_t row : SampledRows(made)) {
    const nlohmann::json record = nlohmann::json::parse(made.pairs.records[row]);
    nlohmann::json images{{NameOfPart(sets, made.pairs.pairs[row]), PictureOf(made.set, row)}};
    if (stage1) AddNamed(stage1->set, made.set.names[row], "stage 1", images);
    if (sets.framed.images.defined()) {
      AddNamed(sets.framed, made.set.names[row], "framed", images);
    }
    AddNamed(sets.origins().set, sets.origins().Kept(made.pairs.origins[row]), "source", images);
    nlohmann::json sample{{"pair", made.pairs.pairs[row]},
                          {"mask_origin", made.pairs.origins[row]}};
    for (const auto& [key, as] :
         {std::pair{"synthetic", "kind"}, {"start", "start"}, {"class", "class"}}) {
      if (record.contains(key)) sample[as] = record[key];
    }
    if (record.contains("gates")) {
      sample["gates"] = record["gates"];
      const bool reference = record["gates"].value("nearest_in", "") == "references";
      const FigureSubject& real = reference ? sets.references : sets.source();
      AddNamed(real.set, real.Kept(record["gates"].value("nearest", "")), "nearest", images);
    }
    sample["images"] = std::move(images);
    samples.push_back(std::move(sample));
  }
  return samples.dump();
}

cv::Mat FiguresSheet(const FigureSets& sets) {
  const FigureSubject &made = sets.made(), &source = sets.origins();
  const int background = source.set.labels.background();
  const std::vector<int64_t> first = SheetRows(made);
  std::vector<int64_t> origins;
  for (const int64_t row : first) {
    const auto found = std::ranges::find(source.set.names, source.Kept(made.pairs.origins[row]));
    if (found != source.set.names.end()) origins.push_back(found - source.set.names.begin());
  }
  if (origins.size() < first.size())
    origins = Spread(source);  // a row beside another's origin misleads
  std::vector<ContactSheetColumn> columns{ColumnOf("source", source.set, background, origins)};
  if (sets.has_references()) {
    columns.push_back(
        ColumnOf("references", sets.references.set, background, Spread(sets.references)));
  }
  for (const FigureSubject& subject : sets.subjects) {
    // Parts that together are all pairs show each of them already.
    if (!subject.generated() || (sets.in_parts() && &subject == &made)) continue;
    // A line is one pair: where a subject does not have it, the place stays free.
    std::vector<int64_t> rows;
    for (const int64_t row : first) rows.push_back(RowOfPair(subject, made.pairs.pairs[row]));
    columns.push_back(ColumnOf(subject.name, subject.set, background, rows));
  }
  if (sets.framed.images.defined()) {
    std::vector<int64_t> rows;
    for (const int64_t row : first) {
      rows.push_back(std::ranges::find(sets.framed.names, made.set.names[row]) -
                     sets.framed.names.begin());
    }
    columns.push_back(ColumnOf("in frames", sets.framed, background, rows));
  }
  if (sets.held_out) {
    columns.push_back(ColumnOf("target", sets.target.set, background, Spread(sets.target)));
  }
  // Three slices side by side are three tiles wide.
  return ContactSheet(columns, {.title = "",
                                .footer = "",
                                .tile = (sets.volumes ? 3 : 1) * kSheetTile,
                                .tile_height = kSheetTile,
                                .mask_background = background});
}

}  // namespace alignflow
