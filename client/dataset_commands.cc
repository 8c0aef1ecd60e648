#include <CLI/CLI.hpp>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/call.h"
#include "client/commands.h"
#include "client/convert_folder.h"
#include "client/dataset_push.h"
#include "client/image_options.h"
#include "client/interrupt.h"
#include "client/output_file.h"
#include "client/paging.h"
#include "client/scan_folder.h"
#include "client/text_table.h"
#include "client/timestamps.h"
#include "common/age.h"

namespace alignflow {
namespace {

using DatasetStub = v1::Datasets::StubInterface;

// Of --keep-jobs: the coordinator's own time.
constexpr char kCoordinators[] = "default";

std::string LabelText(const v1::Dataset& dataset) {
  const std::string labels =
      absl::StrJoin(dataset.labels(), ",", [](std::string* text, const v1::Label& label) {
        absl::StrAppend(text, label.name(), "=");
        if (label.colour().empty()) {
          absl::StrAppend(text, label.value());
        } else {
          absl::StrAppend(text, label.colour());
        }
      });
  if (!dataset.background_colour().empty()) {
    return absl::StrCat(labels, ",background=", dataset.background_colour());
  }
  return absl::StrCat(labels, ",background=", dataset.background());
}

// When the coordinator deletes jobs that have this source.
std::string RetentionText(const v1::Dataset& dataset) {
  const v1::JobRetention& kept = dataset.keep_jobs();
  if (kept.forever()) return "never";
  if (!kept.has_age()) return "default";
  const std::string age =
      AgeText(absl::Seconds(kept.age().seconds()) + absl::Nanoseconds(kept.age().nanos()));
  return age == "0" ? "at once" : absl::StrCat("after ", age);
}

Result Describe(const v1::Dataset& dataset) {
  return Result{.document = ToJson(dataset),
                .text = TableText({{dataset.name(), LocalTimeText(dataset.create_time())},
                                   {"pairs", absl::StrCat(dataset.item_count())},
                                   {"labels", LabelText(dataset)},
                                   {"sizes", SizeRange(dataset)},
                                   {"bytes", BytesText(dataset.size_bytes())},
                                   {"jobs deleted", RetentionText(dataset)},
                                   {"digest", dataset.digest()}})};
}

absl::StatusOr<Result> ListDatasets(Session& session) {
  auto stubs = session.Connect();
  if (!stubs.ok()) return stubs.status();
  auto datasets =
      ListAll<v1::Dataset>(*stubs->datasets, &DatasetStub::ListDatasets, v1::ListDatasetsRequest(),
                           [](v1::ListDatasetsResponse& page) { return page.mutable_datasets(); });
  if (!datasets.ok()) return datasets.status();
  Result result{.document = {{"datasets", Json::array()}}, .text = {}};
  std::vector<std::vector<std::string>> rows = {
      {"NAME", "PAIRS", "SIZES", "BYTES", "LABELS", "JOBS DELETED", "CREATED"}};
  for (const v1::Dataset& dataset : *datasets) {
    result.document["datasets"].push_back(ToJson(dataset));
    rows.push_back({dataset.name(), absl::StrCat(dataset.item_count()), SizeRange(dataset),
                    BytesText(dataset.size_bytes()), LabelText(dataset), RetentionText(dataset),
                    LocalTimeText(dataset.create_time())});
  }
  result.text = TableText(rows, {1, 3});
  return result;
}

absl::StatusOr<Result> GetDataset(Session& session, const std::string& name) {
  auto resource = ResourceName("datasets", name);
  if (!resource.ok()) return resource.status();
  auto stubs = session.Connect();
  if (!stubs.ok()) return stubs.status();
  v1::GetDatasetRequest request;
  request.set_name(*resource);
  auto dataset = Call(*stubs->datasets, &DatasetStub::GetDataset, request);
  if (!dataset.ok()) return dataset.status();
  return Describe(*dataset);
}

// The jobs that have the dataset as source or target. FailedPrecondition if one has not ended.
absl::StatusOr<std::vector<std::string>> JobsOfDataset(Stubs& stubs, const std::string& dataset) {
  auto jobs =
      ListAll<v1::Job>(*stubs.jobs, &v1::Jobs::StubInterface::ListJobs, v1::ListJobsRequest(),
                       [](v1::ListJobsResponse& page) { return page.mutable_jobs(); });
  if (!jobs.ok()) return jobs.status();
  std::vector<std::string> names;
  for (const v1::Job& job : *jobs) {
    if (job.spec().source() != dataset && job.spec().target() != dataset) continue;
    if (job.state() == v1::JOB_STATE_QUEUED || job.state() == v1::JOB_STATE_RUNNING) {
      return absl::FailedPreconditionError(absl::StrCat(
          job.name(), " still uses ", dataset, "; cancel it with `afctl job cancel` first"));
    }
    names.push_back(job.name());
  }
  return names;
}

absl::StatusOr<Result> DeleteDataset(Session& session, const std::string& name, bool cascade) {
  auto resource = ResourceName("datasets", name);
  if (!resource.ok()) return resource.status();
  auto stubs = session.Connect();
  if (!stubs.ok()) return stubs.status();
  Result result{.document = {{"deleted", *resource}}, .text = {}};
  if (cascade) {
    auto jobs = JobsOfDataset(*stubs, *resource);
    if (!jobs.ok()) return jobs.status();
    for (const std::string& job : *jobs) {
      v1::DeleteJobRequest request;
      request.set_name(job);
      auto deleted = Call(*stubs->jobs, &v1::Jobs::StubInterface::DeleteJob, request);
      if (!deleted.ok()) return deleted.status();
      absl::StrAppend(&result.text, "deleted ", job, "\n");
    }
    result.document["deleted_jobs"] = *jobs;
  }
  v1::DeleteDatasetRequest request;
  request.set_name(*resource);
  auto deleted = Call(*stubs->datasets, &DatasetStub::DeleteDataset, request);
  if (!deleted.ok()) return deleted.status();
  absl::StrAppend(&result.text, "deleted ", request.name(), "\n");
  return result;
}

absl::StatusOr<Result> SetRetention(Session& session, const std::string& name,
                                    const std::string& keep_jobs) {
  auto resource = ResourceName("datasets", name);
  if (!resource.ok()) return resource.status();
  v1::UpdateDatasetRequest request;
  request.set_name(*resource);
  if (keep_jobs != kCoordinators) {
    const auto age = ParseAge(keep_jobs);
    if (!age.ok()) return Annotate(age.status(), "--keep-jobs");
    v1::JobRetention& kept = *request.mutable_keep_jobs();
    if (*age == absl::InfiniteDuration()) {
      kept.set_forever(true);
    } else {
      absl::Duration rest;
      kept.mutable_age()->set_seconds(absl::IDivDuration(*age, absl::Seconds(1), &rest));
      kept.mutable_age()->set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(rest)));
    }
  }
  auto stubs = session.Connect();
  if (!stubs.ok()) return stubs.status();
  auto dataset = Call(*stubs->datasets, &DatasetStub::UpdateDataset, request);
  if (!dataset.ok()) return dataset.status();
  return Describe(*dataset);
}

absl::StatusOr<Result> Push(Session& session, const PushArguments& arguments) {
  auto pushed = PushDataset(session, arguments);
  if (!pushed.ok()) return pushed.status();
  Result result = Describe(pushed->dataset);
  result.document["sent_bytes"] = pushed->totals.sent_bytes;
  for (const LabelRow& row : pushed->labels) {
    result.document["label_use"].push_back({{"value", row.value},
                                            {"code", row.code},
                                            {"name", row.name},
                                            {"class", row.class_index},
                                            {"pixels", row.pixels},
                                            {"masks", row.masks}});
  }
  absl::StrAppend(&result.text, "sent ", BytesText(pushed->totals.sent_bytes), " of ",
                  BytesText(pushed->totals.bytes), "; the rest was there\n");
  return result;
}

struct ConvertArguments {
  std::string dir, out, labels;
  ImageOptions images;
};

absl::StatusOr<Result> Convert(Session& session, const ConvertArguments& arguments) {
  absl::Status folder = CheckOutputFolder(arguments.out);
  if (!folder.ok()) return folder;
  const InterruptNote note(
      absl::StrCat(arguments.out, " is incomplete: remove it before you use the name again"));
  const auto scanned = ScanFolder(session, arguments.dir, arguments.labels, arguments.images);
  if (!scanned.ok()) return scanned.status();
  return ConvertFolder(session, *scanned, arguments.out);
}

void AddConvertCommand(CLI::App& group, Action& chosen) {
  CLI::App* command = group.add_subcommand(
      "convert",
      "write what `dataset push` would send of DIR to a folder of PNG images and masks, to be "
      "looked at or pushed: DICOM files among them are made into pictures, series of them into "
      "volumes, without headers");
  auto arguments = std::make_shared<ConvertArguments>();
  command
      ->add_option("dir", arguments->dir,
                   "a dataset (images/ and masks/) or a folder of images, such as DICOM files")
      ->type_name("DIR")
      ->required();
  command->add_option("out", arguments->out, "new folder to write to")
      ->type_name("DIR")
      ->required();
  command->add_option("--labels", arguments->labels, "of the masks, as for `dataset push`")
      ->type_name("NAME=VALUE,...");
  AddImageOptions(*command, arguments->images);
  command->callback([&chosen, arguments] {
    chosen = [arguments](Session& session) { return Convert(session, *arguments); };
  });
}

}  // namespace

void AddDatasetCommands(CLI::App& app, Action& chosen) {
  CLI::App* group = app.add_subcommand("dataset", "source and target datasets of images and masks");
  group->require_subcommand(1);

  CLI::App* push = group->add_subcommand(
      "push",
      "check the images and masks of DIR, send them and register them as NAME; all that is wrong "
      "with them is told at once, and then nothing is sent");
  auto arguments = std::make_shared<PushArguments>();
  push->add_option("name", arguments->name, "lower-case letters, digits, '-' and '_'")->required();
  push->add_option("dir", arguments->dir,
                   "folder with images/ and masks/, the mask of images/a.jpg being masks/a.png (or "
                   "a_mask.png "
                   "and the like; see docs/data.md)")
      ->type_name("DIR")
      ->required();
  push->add_option("--labels", arguments->labels,
                   "grey value of each class, such as cup=0,disc=128 (and background=255, where it "
                   "is not 0), or its colour, such as polyp=#ff0000,background=#000000; guessed "
                   "from the masks if not given")
      ->type_name("NAME=VALUE,...");
  AddImageOptions(*push, arguments->images);
  push->callback([&chosen, arguments] {
    chosen = [arguments](Session& session) { return Push(session, *arguments); };
  });

  AddConvertCommand(*group, chosen);

  CLI::App* list = group->add_subcommand("list", "list all datasets, newest first");
  list->callback([&chosen] { chosen = ListDatasets; });

  auto name = std::make_shared<std::string>();
  CLI::App* get = group->add_subcommand("get", "show a dataset");
  get->add_option("name", *name)->required();
  get->callback([&chosen, name] {
    chosen = [name](Session& session) { return GetDataset(session, *name); };
  });

  CLI::App* retention = group->add_subcommand(
      "set-retention", "say how long jobs with this source are kept after their end");
  retention->add_option("name", *name)->required();
  auto keep_jobs = std::make_shared<std::string>();
  retention
      ->add_option("--keep-jobs", *keep_jobs,
                   "the coordinator deletes them, with what they have made, after this time: such "
                   "as 90d or 12h (a plain number is days), 0 for at once, never, or default for "
                   "the coordinator's own --keep-jobs")
      ->type_name("AGE|never|default")
      ->required();
  retention->callback([&chosen, name, keep_jobs] {
    chosen = [name, keep_jobs](Session& session) {
      return SetRetention(session, *name, *keep_jobs);
    };
  });

  CLI::App* remove =
      group->add_subcommand("delete", "delete a dataset that no unfinished job uses");
  remove->add_option("name", *name)->required();
  auto cascade = std::make_shared<bool>(false);
  remove->add_flag("--cascade", *cascade,
                   "delete the ended jobs that used it, too, with what they have made");
  remove->callback([&chosen, name, cascade] {
    chosen = [name, cascade](Session& session) { return DeleteDataset(session, *name, *cascade); };
  });
}

}  // namespace alignflow
