#include "client/dataset_push.h"

#include <array>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/call.h"
#include "client/item_facts.h"
#include "client/sent_files.h"
#include "client/text_table.h"
#include "common/channel.h"
#include "common/resource_name.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "google/protobuf/util/delimited_message_util.h"
#include "worker/volumes/volume_folder.h"

namespace alignflow {
namespace {

// Registering has the server read every image's header: about a millisecond each, on a slow disk.
absl::Duration CreateDeadline(size_t items) {
  return kRpcDeadline + absl::Milliseconds(10) * static_cast<int64_t>(items);
}

std::string ShareText(const LabelRow& row) {
  if (row.pixels > 0 && row.share < 0.0001) return "<0.01 %";
  return absl::StrFormat("%.2f %%", 100 * row.share);
}

// Which class each value became, so that a wrong guess or a slip in --labels is seen at once.
void PrintLabels(const ImageFolder& folder, Console& console) {
  std::vector<std::vector<std::string>> rows = {
      {"VALUE", "NAME", "CLASS", "PIXELS", "SHARE", "MASKS"}};
  for (const LabelRow& row : folder.label_rows) {
    rows.push_back({row.code, row.name, absl::StrCat(row.class_index), absl::StrCat(row.pixels),
                    ShareText(row), absl::StrCat(row.masks, " of ", folder.items.size())});
  }
  static constexpr const char* kTitles[] = {
      "labels, as given with --labels\n",
      "labels, guessed from the masks; name them with --labels NAME=VALUE,...\n",
      "labels, by the names of the structures' files; choose among them with --labels "
      "NAME=VALUE,...\n"};
  console.err << kTitles[static_cast<int>(folder.labels_from)] << TableText(rows, {0, 2, 3, 4, 5})
              << std::flush;
}

void WarnOfSizes(const ImageFolder& folder, Console& console) {
  std::set<std::array<int, 3>> sizes;
  for (const FolderItem& item : folder.items) sizes.insert({item.width, item.height, item.depth});
  if (sizes.size() == 1) return;
  const bool volumes = folder.items.front().depth > 0;
  PrintWarnings({absl::StrCat("the ", volumes ? "volumes" : "images", " have ", sizes.size(),
                              " different sizes; each is brought to the preset's, its ",
                              volumes ? "proportions in millimetres" : "aspect", " kept")},
                console);
}

// The server's own rule, asked before a long upload rather than after it.
absl::Status CheckName(const std::string& name) {
  if (IsResourceId(name)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("dataset name '", Printable(name),
                   "': use 1 to 63 lower-case letters, digits, '-' and '_', beginning with a "
                   "letter or digit"));
}

// What a message of the API may hold, less what is around the items.
constexpr size_t kMaxRequestBytes = kMaxMessageBytes - (64 << 10);

// Shows how far the server has come with its own checks.
absl::StatusOr<v1::Dataset> Create(v1::Datasets::StubInterface& stub,
                                   const v1::CreateDatasetRequest& request, size_t items,
                                   Console& console) {
  grpc::ClientContext context;
  SetDeadline(context, CreateDeadline(items));
  const auto reader = stub.CreateDatasetWithProgress(&context, request);
  Counter counter(console);
  v1::DatasetCreation creation;
  while (reader->Read(&creation)) {
    counter.Show(
        absl::StrCat("the coordinator checks ", creation.checked_items(), "/", items, " pairs"),
        creation.has_dataset());
  }
  counter.End();
  const grpc::Status status = reader->Finish();
  if (!status.ok()) return FromGrpcStatus(status);
  if (creation.has_dataset()) return creation.dataset();
  return absl::DataLossError("the server ends without its answer: report this as a bug");
}

}  // namespace

v1::Manifest MakeManifest(const ImageFolder& folder, const DescribedFolder& files) {
  v1::Manifest manifest;
  for (const LabelTable::Label& label : folder.labels.labels()) {
    v1::Label* entry = manifest.add_labels();
    entry->set_name(label.name);
    entry->set_value(label.value);
    if (label.colour) entry->set_colour(ColourText(*label.colour));
  }
  manifest.set_background(folder.labels.background());
  if (folder.labels.coloured()) {
    manifest.set_background_colour(ColourText(folder.labels.ColourOf(0)));
  }
  if (folder.sample_bits != kAllSampleBits) manifest.set_sample_bits(folder.sample_bits);
  for (size_t i = 0; i < folder.items.size(); ++i) {
    v1::DatasetItem* item = manifest.add_items();
    item->set_stem(folder.items[i].name);
    SetDigest(files.images[i].blob, *item->mutable_image());
    SetDigest(files.masks[i].blob, *item->mutable_mask());
    item->set_group(folder.items[i].group);
    item->set_image_class(folder.items[i].image_class);
    SetFacts(folder.items[i].facts, folder.labels, *item->mutable_facts());
  }
  return manifest;
}

absl::StatusOr<PushedDataset> PushDataset(Session& session, const PushArguments& arguments) {
  absl::Status name = CheckName(arguments.name);
  if (!name.ok()) return name;
  const auto import = ParseImageOptions(arguments.images);
  if (!import.ok()) return import.status();
  auto stubs = session.Connect();
  if (!stubs.ok()) return stubs.status();
  std::optional<LabelTable> labels;
  if (!arguments.labels.empty()) {
    auto parsed = LabelTable::Parse(arguments.labels);
    if (!parsed.ok()) return Annotate(parsed.status(), "--labels");
    labels = *std::move(parsed);
  }
  Counter counter(session.console);
  auto folder = ScanAnyDataset(arguments.dir, labels, CountChecked(counter), *import);
  counter.End();
  if (!folder.ok()) return folder.status();
  PrintFindings(*folder, session.console);
  PrintLabels(*folder, session.console);
  WarnOfSizes(*folder, session.console);
  PrintWarnings(WarningsOfStructures(*folder), session.console);

  auto files = DescribeFolder(*folder, session.console);
  if (!files.ok()) return files.status();
  auto totals = UploadFolder(*files, *stubs->blobs, session.console);
  if (!totals.ok()) return WithPaths(totals.status(), folder->items, *files);

  v1::CreateDatasetRequest request;
  request.set_dataset_id(arguments.name);
  request.set_upload_id(stubs->upload_id);
  *request.mutable_manifest() = MakeManifest(*folder, *files);
  absl::Status moved = MoveItemsToBlob(*stubs->blobs, kMaxRequestBytes, request);
  if (!moved.ok()) return moved;
  auto dataset = Create(*stubs->datasets, request, folder->items.size(), session.console);
  if (!dataset.ok()) return WithPaths(dataset.status(), folder->items, *files);
  return PushedDataset{
      .dataset = *std::move(dataset), .totals = *totals, .labels = std::move(folder->label_rows)};
}

absl::Status MoveItemsToBlob(BlobClient& blobs, size_t limit, v1::CreateDatasetRequest& request) {
  if (request.ByteSizeLong() <= limit) return absl::OkStatus();
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    for (const v1::DatasetItem& item : request.manifest().items()) {
      google::protobuf::util::SerializeDelimitedToZeroCopyStream(item, &stream);
    }
  }
  request.mutable_manifest()->clear_items();
  const BlobRef blob = DescribeBytes(bytes);
  SetDigest(blob, *request.mutable_items());
  return blobs.Upload(blob, bytes);
}

std::string SizeRange(const v1::Dataset& dataset) {
  if (dataset.smallest() == dataset.largest()) return dataset.smallest();
  return absl::StrCat(dataset.smallest(), " to ", dataset.largest());
}

}  // namespace alignflow
