#include <CLI/CLI.hpp>
#include <memory>

#include "absl/strings/str_join.h"
#include "client/commands.h"
#include "client/new_job.h"
#include "client/settings_help.h"
#include "common/settings/settings.h"

namespace alignflow {
namespace {

struct FitArguments {
  std::string source, condition;
  JobRequest request;
  NewJobOptions job;
};

absl::StatusOr<Result> Fit(Session& session, const FitArguments& arguments) {
  JobRequest request = arguments.request;
  absl::Status read =
      ReadNewJobOptions(arguments.job, {{"fit.condition", arguments.condition}}, request);
  if (!read.ok()) return read;
  const auto resolved =
      ResolveSettings(request.preset.value_or(PresetNames().front()), request.settings);
  if (!resolved.ok()) return resolved.status();
  auto stubs = session.Connect();
  if (!stubs.ok()) return stubs.status();
  v1::CreateJobRequest creation = CreationOf(request);
  auto source = FindDataset("--source", arguments.source, *stubs->datasets);
  if (!source.ok()) return source.status();
  creation.mutable_spec()->set_source(source->name());
  creation.mutable_spec()->set_kind(v1::JOB_KIND_FIT);
  auto job = CreateJob(*stubs, std::move(creation));
  if (!job.ok()) return job.status();
  return AfterCreation(session, *stubs, *job, arguments.job,
                       {{"job get " + job->name(), "its model, once it has ended"},
                        {"generate --model MODEL --pairs N", "pairs with that model"}});
}

}  // namespace

void AddFitCommand(CLI::App& app, Action& chosen) {
  CLI::App* command = app.add_subcommand(
      "fit", "train a model of stage 1 alone, which `generate` makes pairs with again and again");
  auto arguments = std::make_shared<FitArguments>();
  command->add_option("--source", arguments->source, "dataset to learn from")
      ->type_name("NAME")
      ->required();
  command->add_option("--preset", arguments->request.preset, "network and defaults")
      ->type_name(absl::StrJoin(PresetNames(), "|"));
  command
      ->add_option("--condition", arguments->condition,
                   "what images are learned by: both is masks and the dataset's classes (setting "
                   "fit.condition)")
      ->type_name(ChoicesOf("fit.condition"));
  AddNewJobOptions(*command, arguments->job);
  command->callback([&chosen, arguments] {
    chosen = [arguments](Session& session) { return Fit(session, *arguments); };
  });
}

}  // namespace alignflow
