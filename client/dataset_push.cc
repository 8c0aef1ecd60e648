#include "client/dataset_push.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "client/call.h"
#include "worker/data/image_folder.h"

namespace alignflow {
namespace {

// Registering has the server read every image's header: about a millisecond each, on a slow disk.
absl::Duration CreateDeadline(size_t items) {
  return kRpcDeadline + absl::Milliseconds(10) * static_cast<int64_t>(items);
}

// The server's own rule, asked before a long upload rather than after it.
absl::Status CheckName(const std::string& name) {
  const auto allowed = [](char c) {
    return absl::ascii_islower(c) || absl::ascii_isdigit(c) || c == '-' || c == '_';
  };
  const bool good = !name.empty() && name.size() <= 63 && name[0] != '-' && name[0] != '_' &&
                    std::all_of(name.begin(), name.end(), allowed);
  if (good) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("dataset name \"", name,
                   "\": use 1 to 63 lower-case letters, digits, '-' and '_', beginning with a "
                   "letter or digit"));
}

v1::Manifest MakeManifest(const ImageFolder& folder, const DescribedFolder& files) {
  v1::Manifest manifest;
  for (const LabelTable::Label& label : folder.labels.labels()) {
    v1::Label* entry = manifest.add_labels();
    entry->set_name(label.name);
    entry->set_value(label.value);
  }
  manifest.set_background(folder.labels.background());
  for (size_t i = 0; i < folder.items.size(); ++i) {
    v1::DatasetItem* item = manifest.add_items();
    item->set_stem(folder.items[i].name);
    SetDigest(files.images[i].blob, *item->mutable_image());
    SetDigest(files.masks[i].blob, *item->mutable_mask());
  }
  return manifest;
}

void WarnOfSizes(const ImageFolder& folder, Console& console) {
  std::set<std::pair<int, int>> sizes;
  for (const FolderItem& item : folder.items) sizes.insert({item.width, item.height});
  if (sizes.size() == 1) return;
  PrintWarnings(
      {absl::StrCat("the images have ", sizes.size(),
                    " different sizes; each is brought to the preset's, its aspect kept")},
      console);
}

}  // namespace

absl::StatusOr<PushedDataset> PushDataset(Session& session, const PushArguments& arguments) {
  absl::Status name = CheckName(arguments.name);
  if (!name.ok()) return name;
  auto stubs = session.Connect();
  if (!stubs.ok()) return stubs.status();
  std::optional<LabelTable> labels;
  if (!arguments.labels.empty()) {
    auto parsed = LabelTable::Parse(arguments.labels);
    if (!parsed.ok()) return Annotate(parsed.status(), "--labels");
    labels = *std::move(parsed);
  }
  Counter counter(session.console);
  auto folder = ScanDataset(arguments.dir, labels, CountChecked(counter));
  counter.End();
  if (!folder.ok()) return folder.status();
  PrintWarnings(folder->warnings, session.console);
  WarnOfSizes(*folder, session.console);

  auto files = DescribeFolder(*folder, session.console);
  if (!files.ok()) return files.status();
  auto totals = UploadFolder(*files, *stubs->blobs, session.console);
  if (!totals.ok()) return totals.status();

  v1::CreateDatasetRequest request;
  request.set_dataset_id(arguments.name);
  *request.mutable_manifest() = MakeManifest(*folder, *files);
  auto dataset = Call(*stubs->datasets, &v1::Datasets::StubInterface::CreateDataset, request,
                      CreateDeadline(folder->items.size()));
  if (!dataset.ok()) return dataset.status();
  return PushedDataset{.dataset = *std::move(dataset), .totals = *totals};
}

std::string SizeRange(const v1::Dataset& dataset) {
  if (dataset.smallest() == dataset.largest()) return dataset.smallest();
  return absl::StrCat(dataset.smallest(), " to ", dataset.largest());
}

}  // namespace alignflow
