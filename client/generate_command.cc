#include <CLI/CLI.hpp>
#include <memory>

#include "client/call.h"
#include "client/commands.h"
#include "client/new_job.h"
#include "client/settings_help.h"
#include "common/settings/settings.h"

namespace alignflow {
namespace {

struct GenerateArguments {
  std::string model, masks, classes, target, segmenter;
  int pairs = 0;
  bool no_gates = false;
  NewJobOptions job;
};

// The model, checked together with the settings as far as that can be without the job's own.
absl::StatusOr<v1::Model> FindModel(const std::string& given, const JobRequest& request,
                                    v1::Models::StubInterface& models) {
  auto name = ResourceName("models", given);
  if (!name.ok()) return Annotate(name.status(), "--model");
  v1::GetModelRequest get;
  get.set_name(*name);
  auto model = Call(models, &v1::Models::StubInterface::GetModel, get);
  if (!model.ok()) return Annotate(model.status(), "--model");
  const auto resolved = ResolveSettings(model->preset(), request.settings);
  if (!resolved.ok()) return resolved.status();
  return model;
}

absl::StatusOr<Result> Generate(Session& session, const GenerateArguments& arguments) {
  JobRequest request;
  absl::Status read = ReadNewJobOptions(arguments.job,
                                        {{"pairs.classes", arguments.classes},
                                         {"evaluate.segmenter", arguments.segmenter},
                                         {"gates.enabled", arguments.no_gates ? "off" : ""}},
                                        request);
  if (read.ok()) read = CheckPairs(arguments.pairs);
  if (!read.ok()) return read;
  auto stubs = session.Connect();
  if (!stubs.ok()) return stubs.status();
  const auto model = FindModel(arguments.model, request, *stubs->models);
  if (!model.ok()) return model.status();
  v1::CreateJobRequest creation = CreationOf(request);
  v1::AlignSpec& spec = *creation.mutable_spec();
  spec.set_kind(v1::JOB_KIND_GENERATE);
  spec.set_model(model->name());
  spec.set_pairs(arguments.pairs);
  if (!arguments.masks.empty()) {
    auto masks = FindDataset("--masks", arguments.masks, *stubs->datasets);
    if (!masks.ok()) return masks.status();
    spec.set_masks(masks->name());
  }
  if (!arguments.target.empty()) {
    auto target = FindDataset("--target", arguments.target, *stubs->datasets);
    if (!target.ok()) return target.status();
    spec.set_target(target->name());
  }
  auto job = CreateJob(*stubs, std::move(creation));
  if (!job.ok()) return job.status();
  return AfterCreation(
      session, *stubs, *job, arguments.job,
      {{"report " + job->name() + " -o report.html", "its report, once it has ended"},
       {"pairs pull " + job->name() + " pairs/", "its pairs, as they come"}});
}

}  // namespace

void AddGenerateCommand(CLI::App& app, Action& chosen) {
  CLI::App* command = app.add_subcommand(
      "generate", "make image-mask pairs with a model that is there, of stage 1 or stage 2");
  auto arguments = std::make_shared<GenerateArguments>();
  command->add_option("--model", arguments->model, "as `model list` and `job get` print it")
      ->type_name("MODEL")
      ->required();
  command->add_option("--pairs", arguments->pairs, "number of pairs to make")
      ->type_name("N")
      ->required();
  command
      ->add_option("--masks", arguments->masks,
                   "dataset whose masks the pairs have, with the labels of the model's source; if "
                   "not given, the source's")
      ->type_name("NAME");
  command
      ->add_option("--classes", arguments->classes,
                   "classes of images that pairs are made of, in turn (setting pairs.classes)")
      ->type_name("CLASS,...");
  command
      ->add_option("--target", arguments->target,
                   "dataset of held-out target images to compute figures against; never trained "
                   "on")
      ->type_name("NAME");
  command
      ->add_option("--segmenter", arguments->segmenter,
                   "segmentation model of the downstream evaluation on --target (setting "
                   "evaluate.segmenter)")
      ->type_name(ChoicesOf("evaluate.segmenter"));
  command->add_flag("--no-gates", arguments->no_gates,
                    "hand out every pair, also those that ignore their mask or copy a real image "
                    "(setting gates.enabled=off, which the report shows)");
  AddNewJobOptions(*command, arguments->job);
  command->callback([&chosen, arguments] {
    chosen = [arguments](Session& session) { return Generate(session, *arguments); };
  });
}

}  // namespace alignflow
