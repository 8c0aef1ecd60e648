#include <CLI/CLI.hpp>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/call.h"
#include "client/commands.h"
#include "client/output_file.h"
#include "client/paging.h"
#include "client/text_table.h"
#include "client/timestamps.h"

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

}  // namespace

void AddModelCommands(CLI::App& app, Action& chosen) {
  CLI::App* group = app.add_subcommand("model", "the weights that jobs leave behind");
  group->require_subcommand(1);
  group->add_subcommand("list", "list all models, newest first")->callback([&chosen] {
    chosen = ListModels;
  });

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
