#include <CLI/CLI.hpp>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/call.h"
#include "client/commands.h"
#include "client/motfm_weights.h"
#include "client/new_job.h"
#include "client/output_file.h"
#include "client/paging.h"
#include "client/text_table.h"
#include "client/timestamps.h"
#include "client/upload.h"
#include "common/scratch_folder.h"
#include "common/settings/settings.h"
#include "common/status_conversion.h"

namespace alignflow {
namespace {

using ModelStub = v1::Models::StubInterface;

absl::StatusOr<Result> ListModels(Session& session) {
  auto stubs = session.Connect();
  if (!stubs.ok()) return stubs.status();
  auto models =
      ListAll<v1::Model>(*stubs->models, &ModelStub::ListModels, v1::ListModelsRequest(),
                         [](v1::ListModelsResponse& page) { return page.mutable_models(); });
  if (!models.ok()) return models.status();
  Result result{.document = {{"models", Json::array()}}, .text = {}};
  std::vector<std::vector<std::string>> rows = {{"NAME", "STAGE", "PRESET", "BYTES", "CREATED"}};
  for (const v1::Model& model : *models) {
    result.document["models"].push_back(ToJson(model));
    rows.push_back({model.name(), model.stage(), model.preset(),
                    BytesText(model.weights().size_bytes()), LocalTimeText(model.create_time())});
  }
  result.text = TableText(rows, {3});
  return result;
}

absl::StatusOr<Result> GetModel(Session& session, const std::string& name) {
  auto resource = ResourceName("models", name);
  if (!resource.ok()) return resource.status();
  auto stubs = session.Connect();
  if (!stubs.ok()) return stubs.status();
  v1::GetModelRequest request;
  request.set_name(*resource);
  auto model = Call(*stubs->models, &ModelStub::GetModel, request);
  if (!model.ok()) return model.status();
  return Result{
      .document = ToJson(*model),
      .text = TableText({{model->name(), LocalTimeText(model->create_time())},
                         {"stage", model->stage()},
                         {"preset", model->preset()},
                         {"weights", absl::StrCat(BytesText(model->weights().size_bytes()),
                                                  ", sha-256 ", model->weights().sha256())},
                         {"source digest", model->source_digest()},
                         {"jobs", absl::StrJoin(model->jobs(), ", ")}})};
}

absl::StatusOr<Result> Export(Session& session, const std::string& name, const std::string& file) {
  auto resource = ResourceName("models", name);
  if (!resource.ok()) return resource.status();
  auto stubs = session.Connect();
  if (!stubs.ok()) return stubs.status();
  v1::GetModelRequest request;
  request.set_name(*resource);
  auto model = Call(*stubs->models, &ModelStub::GetModel, request);
  if (!model.ok()) return model.status();
  auto output = OpenOutput(session, file);
  if (!output.ok()) return output.status();
  const v1::Digest& weights = model->weights();
  // Checks the digest; a file is replaced only by all of the bytes.
  absl::Status saved = stubs->blobs->Download(
      weights.sha256(), [&](std::string_view piece) { return output->Append(piece); });
  if (!saved.ok()) return Annotate(saved, model->name());
  saved = output->Finish();
  if (!saved.ok()) return saved;
  return WroteOutput(session, file,
                     {{"model", model->name()},
                      {"file", file},
                      {"sha256", weights.sha256()},
                      {"size_bytes", weights.size_bytes()}},
                     absl::StrCat("wrote ", BytesText(weights.size_bytes()), " to ", file, "\n"));
}

absl::StatusOr<Result> DeleteModel(Session& session, const std::string& name) {
  auto resource = ResourceName("models", name);
  if (!resource.ok()) return resource.status();
  auto stubs = session.Connect();
  if (!stubs.ok()) return stubs.status();
  v1::DeleteModelRequest request;
  request.set_name(*resource);
  auto deleted = Call(*stubs->models, &ModelStub::DeleteModel, request);
  if (!deleted.ok()) return deleted.status();
  return Result{.document = {{"deleted", request.name()}},
                .text = absl::StrCat("deleted ", request.name(), "\n")};
}

struct ImportArguments {
  std::string config, weights, source, size;
  std::optional<int> of_class;
  NewJobOptions job;
};

// What the job is asked for, checked as far as it can be without the server.
absl::StatusOr<JobRequest> RequestOf(const ImportArguments& arguments, const MotfmConfig& config) {
  JobRequest request;
  request.preset = config.preset;
  absl::Status read = ReadNewJobOptions(arguments.job, {{"size", arguments.size}}, request);
  if (!read.ok()) return read;
  request.settings.insert(config.settings.begin(), config.settings.end());
  const auto resolved = ResolveSettings(config.preset, request.settings);
  if (!resolved.ok()) return resolved.status();
  return request;
}

absl::StatusOr<Result> Import(Session& session, const ImportArguments& arguments) {
  const auto config = ReadMotfmConfig(arguments.config, arguments.of_class);
  if (!config.ok()) return config.status();
  const auto request = RequestOf(arguments, *config);
  if (!request.ok()) return request.status();
  const auto folder = ScratchFolder::Make();
  if (!folder.ok()) return folder.status();
  const std::filesystem::path file = (*folder)->path() / "weights.safetensors";
  absl::Status written = WriteMotfmWeights(arguments.weights, config->document, file);
  if (!written.ok()) return written;
  const auto weights = DescribeFile(file);
  if (!weights.ok()) return weights.status();
  auto stubs = session.Connect();
  if (!stubs.ok()) return stubs.status();
  v1::CreateJobRequest creation = CreationOf(*request);
  const auto source = FindDataset("--source", arguments.source, *stubs->datasets);
  if (!source.ok()) return source.status();
  DescribedFolder files;
  files.images = {*weights};
  files.image_bytes = weights->blob.size_bytes;
  const auto sent = UploadFolder(files, *stubs->blobs, session.console);
  if (!sent.ok()) return Annotate(sent.status(), arguments.weights);
  v1::AlignSpec& spec = *creation.mutable_spec();
  spec.set_kind(v1::JOB_KIND_FIT);
  spec.set_source(source->name());
  spec.set_model(absl::StrCat("blobs/", weights->blob.sha256));
  const auto job = CreateJob(*stubs, std::move(creation));
  if (!job.ok()) return job.status();
  return AfterCreation(session, *stubs, *job, arguments.job,
                       {{"job get " + job->name(), "its model, once it has ended"},
                        {"generate --model MODEL --pairs N", "pairs with that model"}});
}

void AddImportCommand(CLI::App& group, Action& chosen) {
  CLI::App* command =
      group.add_subcommand("import", "make a model of weights that were trained elsewhere");
  auto arguments = std::make_shared<ImportArguments>();
  command->add_option("--motfm", arguments->config, "the config.yaml that MOTFM trained it with")
      ->type_name("CONFIG.yaml")
      ->required();
  command->add_option("weights", arguments->weights, "its state dict, as safetensors")
      ->type_name("WEIGHTS.safetensors")
      ->required();
  command
      ->add_option("--source", arguments->source,
                   "dataset whose masks pairs have unless `generate` is given others, and that "
                   "copies are told by: what it was trained on, or masks with the same values")
      ->type_name("NAME")
      ->required();
  command
      ->add_option("--size", arguments->size,
                   "side of the images that it was trained on, in pixels or voxels (setting size)")
      ->type_name("N")
      ->required();
  command
      ->add_option("--class", arguments->of_class,
                   "of a model that knows classes: the number of the one that images are to be of")
      ->type_name("N");
  AddNewJobOptions(*command, arguments->job);
  command->callback([&chosen, arguments] {
    chosen = [arguments](Session& session) { return Import(session, *arguments); };
  });
}

}  // namespace

void AddModelCommands(CLI::App& app, Action& chosen) {
  CLI::App* group = app.add_subcommand("model", "the weights that jobs leave behind");
  group->require_subcommand(1);
  group->add_subcommand("list", "list all models, newest first")->callback([&chosen] {
    chosen = ListModels;
  });

  AddImportCommand(*group, chosen);

  auto name = std::make_shared<std::string>();
  auto file = std::make_shared<std::string>();
  const auto add = [&](const std::string& command, const std::string& help) {
    CLI::App* added = group->add_subcommand(command, help);
    added->add_option("model", *name, "as `model list` and `job get` print it")->required();
    return added;
  };
  add("get", "show a model")->callback([&chosen, name] {
    chosen = [name](Session& session) { return GetModel(session, *name); };
  });
  CLI::App* save = add("export", "write a model's weights to a file");
  save->add_option("file", *file, "FILE.safetensors, replaced if it is there; - for stdout")
      ->type_name("FILE")
      ->required();
  save->callback([&chosen, name, file] {
    chosen = [name, file](Session& session) { return Export(session, *name, *file); };
  });
  add("delete", "delete the weights; a job that needs them computes them again")
      ->callback([&chosen, name] {
        chosen = [name](Session& session) { return DeleteModel(session, *name); };
      });
}

}  // namespace alignflow
