#include "client/server_words.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "alignflow/v1/datasets.grpc.pb.h"
#include "alignflow/v1/fleet.grpc.pb.h"
#include "alignflow/v1/jobs.grpc.pb.h"
#include "alignflow/v1/models.grpc.pb.h"
#include "alignflow/v1/server.grpc.pb.h"
#include "tests/common/temp_folder.h"

namespace alignflow {
namespace {

std::string Words(const std::string& message) {
  return InUsersWords(absl::InvalidArgumentError(message));
}

TEST(ServerWords, FieldsBecomeTheOptionsThatFillThem) {
  EXPECT_EQ(Words("spec.pairs: is 0; give 1 to 1,000,000"), "--pairs: is 0; give 1 to 1,000,000");
  EXPECT_EQ(Words("spec.settings: method fda"), "--set: method fda");
  EXPECT_EQ(Words("manifest.labels: polyp is there twice"), "--labels: polyp is there twice");
}

TEST(ServerWords, FilesAreNamedWithoutTheirNumber) {
  EXPECT_EQ(Words("manifest.items[12] 'lesion', mask: 3 channels"),
            "the folder's file 'lesion', mask: 3 channels");
  EXPECT_EQ(Words("spec.references[0].stem: 'a' is there twice"),
            "--references: 'a' is there twice");
  EXPECT_EQ(Words("spec.references[0] 'a', image: damaged"), "--references 'a', image: damaged");
}

TEST(ServerWords, NoFieldThatAfctlFillsReachesTheUser) {
  EXPECT_EQ(Words("display_name: give at most 200 bytes"), "--name: give at most 200 bytes");
  EXPECT_EQ(Words("labels: Study: is no name"), "--label: Study: is no name");
  EXPECT_EQ(Words("priority: is 101"), "--priority: is 101");
  EXPECT_EQ(Words("spec.source: 'A' is no resource name; give datasets/ID, with an ID of 1 to 63 "
                  "lower-case letters"),
            "--source: 'A' is no dataset; give 1 to 63 lower-case letters");
}

TEST(ServerWords, MethodsBecomeCommands) {
  EXPECT_EQ(Words("there is no jobs/x; ListJobs names those there are"),
            "there is no job x; `afctl job list` names those there are");
}

TEST(ServerWords, ResourcesAreNamedByTheirKindAndId) {
  const std::pair<const char*, const char*> texts[] = {
      {"there is no datasets/x-1; ListDatasets names those there are",
       "there is no dataset x-1; `afctl dataset list` names those there are"},
      {"there is no models/x; ListModels names those there are",
       "there is no model x; `afctl model list` names those there are"},
      {"there is no workers/w; ListWorkers names those that are connected",
       "there is no worker w; `afctl worker list` names those that are connected"},
      {"there is no jobs/x", "there is no job x"},
      {"spec.source: there is no datasets/x any more; push it again",
       "--source: there is no dataset x any more; push it again"},
      {"datasets/x has just been deleted", "dataset x has just been deleted"},
      {"spec.target: datasets/b has the classes cup, but datasets/a has polyp; push",
       "--target: dataset b has the classes cup, but dataset a has polyp; push"},
      {"dataset_id: datasets/x exists with other content; take another name",
       "the dataset's name: dataset x exists with other content; take another name"},
      {"jobs/x still uses datasets/y; cancel it", "job x still uses dataset y; cancel it"},
      {"jobs/x still uses models/y; cancel it", "job x still uses model y; cancel it"},
      {"jobs/x has not ended; cancel it", "job x has not ended; cancel it"},
      {"jobs/x has failed already; there is nothing to cancel",
       "job x has failed already; there is nothing to cancel"},
      {"jobs/x uses these results and is not finished",
       "job x uses these results and is not finished"},
      {"stage: jobs/x has no stage 'fits'; the nearest is fit",
       "--stage: job x has no stage 'fits'; the nearest is fit"},
      {"request_id: jobs/x was made from another request with this id; take a new one",
       "the request: job x was made from another request with this id; take a new one"},
      {"the figures of jobs/x are not there yet", "the figures of job x are not there yet"},
      {"the pairs of jobs/x from 33 on are lost; RerunJob makes them again",
       "the pairs of job x from 33 on are lost; `afctl job rerun` makes them again"},
      {"the pairs of jobs/x from 1 on were declared bad (blurred); RerunJob makes them again",
       "the pairs of job x from 1 on were declared bad (blurred); `afctl job rerun` makes them "
       "again"},
      {"the pairs of jobs/x have no views", "the pairs of job x have no views"},
      {"jobs/x was cancelled before pair 3", "job x was cancelled before pair 3"},
      {"keep_jobs: give an age", "--keep-jobs: give an age"},
      {"stage, reason: give both", "--stage, --reason: give both"}};
  for (const auto& [server, user] : texts) EXPECT_EQ(Words(server), user);
}

TEST(ServerWords, PathsOfFilesAreNoResources) {
  for (const char* text :
       {"datasets/kvasir/images/a.png: damaged", "/data/datasets/kvasir is no folder",
        "datasets/kvasir: there are no images", "jobs/first.yaml:3: unknown key",
        "../jobs/first is no file", "cannot read my-jobs/first", "stage 2 has not begun"}) {
    EXPECT_EQ(Words(text), text);
  }
}

// The literals in a line of code.
std::vector<std::string> LiteralsIn(const std::string& line) {
  std::vector<std::string> literals;
  if (line.find("#include") != std::string::npos) return literals;
  const std::string code = line.substr(0, line.find("// "));
  for (size_t open = code.find('"'); open != std::string::npos;) {
    const size_t close = code.find('"', open + 1);
    if (close == std::string::npos) break;
    literals.push_back(code.substr(open + 1, close - open - 1));
    open = code.find('"', close + 1);
  }
  return literals;
}

// Whatever the server's sources have as text, whole words of it: so a new one is found as well.
TEST(ServerWords, NoTextOfTheServerNamesResourcesOrMethodsToTheUser) {
  std::vector<std::string> words = {"datasets/", "jobs/", "models/", "workers/", ".proto"};
  for (const auto* service : {v1::Datasets::service_full_name(), v1::Fleet::service_full_name(),
                              v1::Jobs::service_full_name(), v1::Models::service_full_name(),
                              v1::Server::service_full_name()}) {
    const auto* known =
        google::protobuf::DescriptorPool::generated_pool()->FindServiceByName(service);
    ASSERT_NE(known, nullptr) << service;
    for (int i = 0; i < known->method_count(); ++i) words.push_back(known->method(i)->name());
  }
  const std::filesystem::path server = std::filesystem::path(ALIGNFLOW_TEST_DATA) / "../../server";
  int seen = 0;
  for (const auto& file : std::filesystem::recursive_directory_iterator(server)) {
    if (file.path().extension() != ".cc") continue;
    std::istringstream lines(ReadFile(file.path()));
    for (std::string line; std::getline(lines, line);) {
      for (const std::string& literal : LiteralsIn(line)) {
        // An id follows what ends with a slash.
        const std::string said = Words(literal.ends_with('/') ? literal + "x" : literal);
        if (said != literal) ++seen;
        if (line.find("spdlog::") != std::string::npos || literal == "jobs/{}") continue;
        if (literal.starts_with("/alignflow.v1."))
          continue;  // gRPC's own name of a method, no text
        for (const std::string& word : words) {
          EXPECT_EQ(said.find(word), std::string::npos)
              << file.path().filename() << ": \"" << literal << "\" is told as \"" << said << '"';
        }
      }
    }
  }
  EXPECT_GT(seen, 40);
}

TEST(ServerWords, OtherMessagesStayAsTheyAre) {
  EXPECT_EQ(Words("disk full: spec.pairs"), "disk full: spec.pairs");
}

}  // namespace
}  // namespace alignflow
