#include "client/app.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <sstream>
#include <streambuf>

#include "tests/client/fake_coordinator.h"

namespace alignflow {
namespace {

// afctl without any server around.
FakeCoordinator::Outcome RunAlone(const std::vector<std::string>& arguments) {
  std::ostringstream out, err;
  Console console{.out = out, .err = err};
  const int exit = RunAfctl(arguments, console, [](std::string_view, const ChannelSecurity&) {
    return absl::StatusOr<std::shared_ptr<grpc::ChannelInterface>>(
        absl::InternalError("nothing may connect"));
  });
  return {.exit = exit, .out = out.str(), .err = err.str()};
}

TEST(App, VersionIsOneJsonDocument) {
  const auto outcome = RunAlone({"version", "--json"});
  EXPECT_EQ(outcome.exit, 0);
  EXPECT_TRUE(outcome.json().contains("version"));
  EXPECT_EQ(outcome.err, "");
}

TEST(App, VersionIsAnOptionAsWell) {
  const auto outcome = RunAlone({"--version"});
  EXPECT_EQ(outcome.exit, 0);
  EXPECT_EQ(outcome.out, RunAlone({"version"}).out);
}

TEST(App, VersionIsPrintedWithoutAnAnswerOfTheCoordinatorAsWell) {
  FakeCoordinator coordinator;
  coordinator.server.info.set_version("9.9");
  const auto both = coordinator.Run({"version"});
  EXPECT_EQ(both.exit, 0);
  EXPECT_NE(both.out.find("coordinator 9.9"), std::string::npos) << both.out;
  coordinator.server.refusal = {grpc::StatusCode::UNAVAILABLE,
                                "failed to connect to all addresses"};
  const auto alone = coordinator.Run({"version"});
  EXPECT_EQ(alone.exit, kExitNoAnswer);
  EXPECT_EQ(alone.out, RunAlone({"version"}).out);
  EXPECT_NE(alone.err.find("no answer from the coordinator at 127.0.0.1:1"), std::string::npos)
      << alone.err;
  const auto document = coordinator.Run({"version", "--json"});
  EXPECT_EQ(document.exit, kExitNoAnswer);
  EXPECT_EQ(document.json()["version"], RunAlone({"version", "--json"}).json()["version"]);
  EXPECT_EQ(document.json()["error"]["code"], "UNAVAILABLE");
  coordinator.server.refusal = {grpc::StatusCode::DEADLINE_EXCEEDED, "Deadline Exceeded"};
  const auto late = coordinator.Run({"version"});
  EXPECT_EQ(late.exit, kExitNoAnswer);
  EXPECT_NE(late.err.find("it took too long"), std::string::npos) << late.err;
  const auto nowhere = RunAlone({"version", "--server", "127.0.0.1:1"});
  EXPECT_EQ(nowhere.exit, kExitFault) << "an address that can't be used tells by its own error";
  EXPECT_EQ(nowhere.out, alone.out);
}

TEST(App, SettingsAreThePresetsButForThoseGiven) {
  const auto outcome =
      RunAlone({"settings", "--preset", "unet-128", "--set", "evaluate.seeds=8", "--json"});
  ASSERT_EQ(outcome.exit, 0) << outcome.err;
  EXPECT_EQ(outcome.json()["settings"]["evaluate.seeds"], "8");
  EXPECT_EQ(outcome.json()["settings"]["fit.batch"], "8");
  EXPECT_EQ(outcome.json()["settings"].size(),
            RunAlone({"settings", "--preset", "unet-128", "--json"}).json()["settings"].size());
  const auto unknown = RunAlone({"settings", "--set", "evaluate.seed=8"});
  EXPECT_EQ(unknown.exit, kExitFailure);
  EXPECT_NE(unknown.err.find("the nearest is evaluate.seeds"), std::string::npos) << unknown.err;
}

TEST(App, HelpListsTheExitCodes) {
  EXPECT_NE(RunAlone({"--help"}).out.find("3 the coordinator does not answer"), std::string::npos);
}

TEST(App, NamesThatCannotBeAreRefusedBeforeAnythingConnects) {
  for (const std::vector<std::string>& arguments : {std::vector<std::string>{"job", "get", "../x"},
                                                    {"job", "watch", "A"},
                                                    {"job", "cancel", "a b"},
                                                    {"report", "jobs/"},
                                                    {"pairs", "pull", "x!", "dir"},
                                                    {"model", "export", "datasets/x", "file"},
                                                    {"dataset", "get", "x/y"},
                                                    {"dataset", "delete", "X"}}) {
    const auto outcome = RunAlone(arguments);
    EXPECT_EQ(outcome.exit, kExitFailure);
    EXPECT_NE(outcome.err.find("list` shows those there are"), std::string::npos) << outcome.err;
  }
}

// A stdout that takes nothing, as /dev/full.
class FullBuffer : public std::streambuf {
  int overflow(int) override {
    errno = ENOSPC;
    return traits_type::eof();
  }
};

TEST(App, FullStdoutIsAnErrorWithAMessageWhateverTheCommand) {
  FakeCoordinator coordinator;
  for (const std::vector<std::string>& arguments : {std::vector<std::string>{"version"},
                                                    {"--version"},
                                                    {"--help"},
                                                    {"align", "--help"},
                                                    {"version", "--json"},
                                                    {"job", "get", "x", "--json"}}) {
    FullBuffer buffer;
    std::ostream out(&buffer);
    std::ostringstream err;
    Console console{.out = out, .err = err};
    EXPECT_NE(RunAfctl(arguments, console, nullptr), 0);
    EXPECT_NE(err.str().find("cannot write stdout: No space left"), std::string::npos) << err.str();
  }
}

TEST(App, UsageErrorsExitWithOneAndNothingOnStdout) {
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{}, {"nonsense"}, {"job", "get"}, {"job"}, {"version", "--bad"}}) {
    const auto outcome = RunAlone(arguments);
    EXPECT_EQ(outcome.exit, kExitFailure);
    EXPECT_EQ(outcome.out, "");
    EXPECT_NE(outcome.err.find("--help"), std::string::npos);
  }
}

TEST(App, UsageErrorIsAJsonDocumentWhereAsked) {
  const auto outcome = RunAlone({"job", "get", "--json"});
  EXPECT_EQ(outcome.exit, kExitFailure);
  EXPECT_EQ(outcome.json()["error"]["code"], "USAGE");
}

TEST(App, MissingServerIsNamedWithBothRemedies) {
  const auto outcome = RunAlone({"dataset", "list"});
  EXPECT_EQ(outcome.exit, kExitFailure);
  EXPECT_NE(outcome.err.find("--server HOST:PORT"), std::string::npos);
  EXPECT_NE(outcome.err.find("AFCTL_SERVER"), std::string::npos);
}

TEST(App, HelpOfAlignListsEverySettingWithDefaultAndRange) {
  const auto outcome = RunAlone({"align", "--help"});
  EXPECT_EQ(outcome.exit, 0);
  for (const char* text : {"fit.iterations", "align.start_index", "generate.guidance", "seed",
                           "0 to 19; default 18", "pool | fresh; default pool", "unet-64"}) {
    EXPECT_NE(outcome.out.find(text), std::string::npos) << text;
  }
}

TEST(App, ErrorOfTheServerBecomesExitCodeAndDocument) {
  FakeCoordinator coordinator;
  const auto outcome = coordinator.Run({"--json", "dataset", "get", "nope"});
  EXPECT_EQ(outcome.exit, kExitFailure);
  EXPECT_EQ(outcome.json()["error"]["code"], "NOT_FOUND");
  EXPECT_EQ(outcome.json()["error"]["message"],
            "there is no dataset nope; `afctl dataset list` names those there are");
}

TEST(App, ListsEveryPage) {
  FakeCoordinator coordinator;
  coordinator.datasets.stored = {"datasets/c", "datasets/b", "datasets/a"};
  const auto outcome = coordinator.Run({"dataset", "list", "--json"});
  ASSERT_EQ(outcome.exit, 0) << outcome.err;
  ASSERT_EQ(outcome.json()["datasets"].size(), 3u);
  EXPECT_EQ(outcome.json()["datasets"][2]["name"], "datasets/a");
  EXPECT_NE(coordinator.Run({"dataset", "list"}).out.find("datasets/b"), std::string::npos);
}

TEST(App, ListThatNeverEndsIsRefused) {
  FakeCoordinator coordinator;
  coordinator.datasets.stored = {"datasets/a", "datasets/b"};
  coordinator.datasets.repeat_page = true;
  const auto outcome = coordinator.Run({"dataset", "list", "--json"});
  EXPECT_EQ(outcome.json()["error"]["code"], "DATA_LOSS");
}

TEST(App, PhantomWritesAFolderAndRefusesAnUnknownKind) {
  TempFolder folder;
  const std::string dir = folder.path() / "p";
  const auto made = RunAlone({"phantom", dir, "--kind", "polyp", "--domain", "target-a", "--count",
                              "2", "--seed", "3", "--size", "32", "--json"});
  EXPECT_EQ(made.exit, 0) << made.err;
  EXPECT_EQ(made.json()["count"], 2);
  EXPECT_EQ(CountFiles(folder.path() / "p" / "images"), 2);
  const auto refused = RunAlone(
      {"phantom", dir, "--kind", "knee", "--domain", "source", "--count", "2", "--seed", "3"});
  EXPECT_EQ(refused.exit, kExitFailure);
  EXPECT_NE(refused.err.find("fundus"), std::string::npos);
}

TEST(App, ModelExportWritesTheWeightsAndAbortsOnOtherBytes) {
  FakeCoordinator coordinator;
  TempFolder folder;
  v1::Model& model = coordinator.models.model;
  model.set_name("models/m");
  model.mutable_weights()->set_sha256(coordinator.blobs.Put("weights"));
  const std::string file = folder.path() / "m.safetensors";
  const auto saved = coordinator.Run({"model", "export", "m", file, "--json"});
  EXPECT_EQ(saved.exit, 0) << saved.err;
  EXPECT_EQ(ReadFile(file), "weights");

  coordinator.blobs.PutAs(model.weights().sha256(), "tampered");
  const std::string other = folder.path() / "other.safetensors";
  EXPECT_EQ(coordinator.Run({"model", "export", "models/m", other}).exit, kExitFault);
  EXPECT_FALSE(std::filesystem::exists(other));
  EXPECT_EQ(CountFiles(folder.path()), 1);
}

}  // namespace
}  // namespace alignflow
