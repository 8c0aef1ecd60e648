// New masks beside the real ones of a dataset: fits the mask model, makes masks, and prints how far
// their areas, places and numbers of parts are from the real ones', and what is wrong with them.
// The same distances between the real masks' even and odd halves say how far two samples of one
// distribution are.
//   benchmark_mask_synthesis DATASET_FOLDER SHEET.png [LABELS] [PRESET] [MASKS]
#include <ATen/Parallel.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <opencv2/imgproc.hpp>
#include <set>

#include "common/data/manifest.h"
#include "common/settings/settings.h"
#include "tests/worker/tasks/fake_context.h"
#include "worker/data/contact_sheet.h"
#include "worker/data/image_decode.h"
#include "worker/data/image_folder.h"
#include "worker/masks/mask_cleanup.h"
#include "worker/masks/mask_figures.h"
#include "worker/pairs/mask_list.h"
#include "worker/sets/prepared_set.h"
#include "worker/stores/model_file.h"
#include "worker/tasks/task_error.h"

namespace alignflow {
namespace {

constexpr int kRows = 8, kPairsOfColumns = 6;  // of the sheet

// The folder's files as blobs.
std::string Upload(const std::filesystem::path& folder, const std::string& labels,
                   FakeBlobs& blobs) {
  std::optional<LabelTable> table;
  if (!labels.empty()) table = ValueOrThrow(LabelTable::Parse(labels));
  const ImageFolder scanned = ValueOrThrow(ScanDataset(folder, table));
  DatasetManifest manifest;
  manifest.kind = DatasetKind::kDataset;
  manifest.labels = scanned.labels;
  for (const FolderItem& item : scanned.items) {
    manifest.items.push_back({.name = item.name,
                              .image = blobs.Put(ValueOrThrow(ReadImageFile(item.image))),
                              .mask = blobs.Put(ValueOrThrow(ReadImageFile(item.mask))),
                              .width = item.width,
                              .height = item.height});
  }
  return blobs.Put(ValueOrThrow(WriteManifest(manifest)));
}

// The outputs of a task and the seconds that it took.
std::pair<TaskOutputs, double> Timed(const TaskSpec& spec, FakeBlobs& blobs,
                                     const std::filesystem::path& scratch) {
  FakeContext context(blobs, scratch);
  const auto start = std::chrono::steady_clock::now();
  TaskOutputs outputs = ValueOrThrow(RunTask(spec, context));
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  return {std::move(outputs), seconds.count()};
}

cv::Mat PictureOf(const at::Tensor& classes, int count) {
  const at::Tensor grey =
      classes.to(at::kFloat).mul(255.0 / (count - 1)).to(at::kByte).contiguous();
  cv::Mat picture;
  cv::cvtColor(cv::Mat(static_cast<int>(grey.size(0)), static_cast<int>(grey.size(1)), CV_8UC1,
                       grey.data_ptr()),
               picture, cv::COLOR_GRAY2BGR);
  return picture;
}

void WriteSheet(const at::Tensor& made, const at::Tensor& real, int count, const char* file) {
  std::vector<ContactSheetColumn> columns(2 * kPairsOfColumns);
  for (int c = 0; c < kPairsOfColumns; ++c) {
    columns[2 * c].title = "real";
    columns[2 * c + 1].title = "new";
    for (int64_t i = c * kRows; i < std::min<int64_t>((c + 1) * kRows, made.size(0)); ++i) {
      columns[2 * c].images.push_back(PictureOf(real[i], count));
      columns[2 * c + 1].images.push_back(PictureOf(made[i], count));
    }
  }
  const cv::Mat sheet = ContactSheet(columns, {.title = "Real masks and new ones made for them"});
  std::ofstream(file, std::ios::binary) << ValueOrThrow(EncodePng(sheet));
}

void PrintRow(const char* name, const MaskDistances& d) {
  std::printf("| %s | %d | %.2f | %.2f | %.2f | %.2f | %.3f |\n", name, d.label, d.mean_area,
              d.area, d.centre_x, d.centre_y, d.parts);
}

void Main(int argc, char** argv) {
  const std::string labels = argc > 3 ? argv[3] : "", preset = argc > 4 ? argv[4] : "unet-64";
  const std::string count = argc > 5 ? argv[5] : "128";
  std::string pattern = (std::filesystem::temp_directory_path() / "alignflow-XXXXXX").string();
  const std::filesystem::path folder = mkdtemp(pattern.data());
  FakeBlobs blobs(folder / "blobs");
  const std::string manifest = Upload(argv[1], labels, blobs);
  const SettingMap settings = ValueOrThrow(ResolveSettings(preset, {}));
  const auto [prepared, prepare_seconds] =
      Timed({.kind = "prepare",
             .settings = {{"size", std::to_string(ImageSide(preset, settings))}},
             .inputs = {{"dataset", manifest}}},
            blobs, folder / "prepare");
  const std::string source = prepared.at("packed");
  const auto [fitted, fit_seconds] =
      Timed({.kind = "fit-masks",
             .settings = SettingsOfKind("fit-masks", preset, settings),
             .inputs = {{"source", source}}},
            blobs, folder / "fit");
  TaskSpec spec{
      .kind = "masks",
      .settings = SettingsOfKind("masks", preset, settings),
      .inputs = {{"source", source}, {"model", fitted.at("model")}, {"rules", fitted.at("rules")}}};
  spec.settings["first_pair"] = "1";
  spec.settings["last_pair"] = count;
  const auto [outputs, make_seconds] = Timed(spec, blobs, folder / "masks");

  FakeContext context(blobs, folder / "figures");
  const ImageSet real = LoadPrepared(context, spec, "source");
  const int classes = real.labels.classes();
  const MaskList list = LoadMasks(context, outputs.at("masks"), real.labels);
  const MaskRules rules = LearnMaskRules(real.classes, classes);
  std::vector<at::Tensor> made, origins;
  int equal = 0, faults = 0, moved = 0;
  double similarity = 0;
  for (int64_t pair = 1; pair <= std::stoll(count); ++pair) {
    const GeneratedMask* mask = list.Find(pair);
    made.push_back(mask->classes.contiguous());
    const auto item = std::ranges::find(real.names, mask->origin) - real.names.begin();
    origins.push_back(real.classes[item]);
    similarity += mask->similarity;
    equal += real.classes.eq(made.back()).flatten(1).all(1).any().item<bool>() ? 1 : 0;
    faults +=
        MaskFault(cv::Mat(rules.side, rules.side, CV_8UC1, made.back().data_ptr()), rules).empty()
            ? 0
            : 1;
  }
  std::string lines = blobs.Read(outputs.at("masks"));
  for (size_t at = 0; (at = lines.find("\"moved\":true", at)) != std::string::npos; ++at) ++moved;
  const at::Tensor all = at::stack(made);
  WriteSheet(all, at::stack(origins), classes, argv[2]);

  std::printf("%lld real masks, %s, labels %s; fit %.0f s, %s masks %.1f s\n",
              static_cast<long long>(real.size()), preset.c_str(), real.labels.ToString().c_str(),
              fit_seconds, count.c_str(), make_seconds);
  std::printf("equal to a real mask %d, breaking a rule %d, real ones moved %d, similarity %.3f\n",
              equal, faults, moved, similarity / static_cast<double>(made.size()));
  for (size_t i = 1; i < rules.classes.size(); ++i) {
    std::printf(
        "class %zu: inside %d, thin %d, border %d, at most %d parts of at least %.0f pixels\n", i,
        rules.classes[i].parent, rules.classes[i].thin, rules.classes[i].border,
        rules.classes[i].most_parts, rules.classes[i].least_area);
  }
  std::printf("| masks | class | mean area | area | centre x | centre y | parts |\n");
  std::printf("| --- | --- | --- | --- | --- | --- | --- |\n");
  const at::Tensor even = real.classes.slice(0, 0, at::nullopt, 2);
  const at::Tensor odd = real.classes.slice(0, 1, at::nullopt, 2);
  for (const MaskDistances& d : CompareMasks(all, real.classes, classes)) PrintRow("new", d);
  for (const MaskDistances& d : CompareMasks(even, odd, classes)) PrintRow("real halves", d);
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace alignflow

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr,
                 "benchmark_mask_synthesis DATASET_FOLDER SHEET.png [LABELS] [PRESET] [MASKS]\n");
    return 2;
  }
  try {
    alignflow::Main(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return 0;
}
