// What TLS and an access key cost: calls, pairs and blobs beside the same on loopback without them,
// in one run. benchmarks/access.sh makes the certificate and runs it.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "benchmarks/coordinator/played_workers.h"
#include "benchmarks/coordinator/samples.h"
#include "benchmarks/coordinator/service.h"
#include "common/command_line.h"
#include "common/process.h"

namespace alignflow {
namespace {

constexpr int kThreads = 4;
constexpr int kPairs = 640, kStreams = 20;
constexpr int64_t kBlobBytes = 32 << 20;

struct Way {
  const char* name;
  Service& service;
  std::string job = {};
  BlobRef blob = {};
  std::vector<double> call_ms = {};    // one after the other
  double calls_a_second = 0;           // of several threads
  std::vector<double> stream_ms = {};  // of all pairs of a job
  double mib_a_second = 0;             // of blobs that are read
};

void GetJob(Way& way) {
  v1::GetJobRequest request;
  request.set_name(way.job);
  v1::Job job;
  Require(Service::Call(way.service.jobs(), &v1::Jobs::Stub::GetJob, request, job), "GetJob");
}

void Prepare(Way& way) {
  v1::Job job;
  Require(Service::Call(way.service.jobs(), &v1::Jobs::Stub::CreateJob,
                        way.service.JobOn(way.service.PushDataset(1), kPairs, 1), job),
          "CreateJob");
  way.job = job.name();
  Samples unused;
  PlayedWorkers workers(way.service, unused);
  Require(workers.TakeTasks(1) == 1 ? absl::OkStatus() : absl::InternalError("none"), "tasks");
  workers.Work(1000);  // all there are
  const std::string bytes(kBlobBytes, 'x');
  way.blob = DescribeBytes(bytes);
  Require(way.service.blobs().Upload(way.blob, bytes), "upload");
  GetJob(way);
}

void MeasureCalls(Way& way, int calls) {
  for (int i = 0; i < calls; ++i) {
    const absl::Time begun = absl::Now();
    GetJob(way);
    way.call_ms.push_back(absl::ToDoubleMilliseconds(absl::Now() - begun));
  }
  const absl::Time begun = absl::Now();
  std::vector<std::jthread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < calls; ++i) GetJob(way);
    });
  }
  threads.clear();
  way.calls_a_second += kThreads * calls / absl::ToDoubleSeconds(absl::Now() - begun);
}

void MeasurePairs(Way& way) {
  v1::StreamPairsRequest request;
  request.set_name(way.job);
  for (int i = 0; i < kStreams; ++i) {
    const absl::Time begun = absl::Now();
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(begun + absl::Minutes(2)));
    const auto stream = way.service.jobs().StreamPairs(&context, request);
    v1::Pair pair;
    int pairs = 0;
    while (stream->Read(&pair)) ++pairs;
    Require(FromGrpcStatus(stream->Finish()), "StreamPairs");
    Require(pairs == kPairs ? absl::OkStatus() : absl::InternalError("some are missing"), "pairs");
    way.stream_ms.push_back(absl::ToDoubleMilliseconds(absl::Now() - begun));
  }
}

void MeasureBlobs(Way& way, int reads) {
  const absl::Time begun = absl::Now();
  for (int i = 0; i < reads; ++i) {
    Require(way.service.blobs().Download(way.blob.sha256,
                                         [](std::string_view) { return absl::OkStatus(); }),
            "read");
  }
  const double mib = static_cast<double>(reads * kBlobBytes) / (1 << 20);
  way.mib_a_second += mib / absl::ToDoubleSeconds(absl::Now() - begun);
}

double Quantile(std::vector<double> values, double share) {
  std::ranges::sort(values);
  return values[std::min(values.size() - 1, static_cast<size_t>(share * values.size()))];
}

std::string NewKey(const std::filesystem::path& state, const std::string& role) {
  const std::string command = absl::StrCat(
      (ExecutableDirectory().value() / "alignflow-coordinator").string(), " keys create --role ",
      role, " --name benchmark --state-dir ", state.string(), " 2>/dev/null");
  FILE* output = popen(command.c_str(), "r");
  char line[256] = "";
  const bool read = output != nullptr && std::fgets(line, sizeof(line), output) != nullptr;
  if (output != nullptr) pclose(output);
  Require(read ? absl::OkStatus() : absl::InternalError("no key came"), "keys create");
  return std::string(line).substr(0, std::string(line).find('\n'));
}

void PrintRow(const char* what, double plain, double guarded, bool more_is_better) {
  std::printf("| %s | %.3g | %.3g | %.2f |\n", what, plain, guarded,
              more_is_better ? plain / guarded : guarded / plain);
}

void Run(const std::string& folder, int calls, int rounds) {
  const std::filesystem::path plain_state = folder + "/plain", guarded_state = folder + "/guarded";
  Service plain_service(plain_state);
  ChannelSecurity security;
  security.ca_file = folder + "/ca.pem";
  security.access_key = NewKey(guarded_state, "operator");
  ChannelSecurity of_workers = security;
  of_workers.access_key = NewKey(guarded_state, "worker");
  Service guarded_service(
      guarded_state, {"--tls-cert", folder + "/server.pem", "--tls-key", folder + "/server.key"},
      security);
  guarded_service.SetWorkersSecurity(of_workers);
  Way plain{.name = "plain", .service = plain_service};
  Way guarded{.name = "TLS and key", .service = guarded_service};
  for (Way* way : {&plain, &guarded}) Prepare(*way);
  for (int round = 0; round < rounds; ++round) {  // in turn, so that both meet the same machine
    for (Way* way : {&plain, &guarded}) {
      MeasureCalls(*way, calls);
      MeasurePairs(*way);
      MeasureBlobs(*way, 4);
    }
  }
  std::printf("| | plain | TLS and key | times the cost |\n| --- | --- | --- | --- |\n");
  PrintRow("GetJob p50, ms", Quantile(plain.call_ms, 0.5), Quantile(guarded.call_ms, 0.5), false);
  PrintRow("GetJob p99, ms", Quantile(plain.call_ms, 0.99), Quantile(guarded.call_ms, 0.99), false);
  PrintRow("GetJob of four threads, calls a second", plain.calls_a_second / rounds,
           guarded.calls_a_second / rounds, true);
  const auto streams = [](const Way& way, double share) { return Quantile(way.stream_ms, share); };
  PrintRow("640 pairs streamed p50, ms", streams(plain, 0.5), streams(guarded, 0.5), false);
  PrintRow("640 pairs streamed p99, ms", streams(plain, 0.99), streams(guarded, 0.99), false);
  PrintRow("blobs read, MiB a second", plain.mib_a_second / rounds, guarded.mib_a_second / rounds,
           true);
}

}  // namespace
}  // namespace alignflow

int main(int argc, char** argv) {
  std::string folder;
  int calls = 1000, rounds = 5;
  CLI::App app("What TLS and an access key cost, beside the same without them.",
               "benchmark_access");
  app.add_option("folder", folder, "with ca.pem, server.pem and server.key")->required();
  app.add_option("--calls", calls, "in each measure")->capture_default_str();
  app.add_option("--rounds", rounds)->capture_default_str();
  if (const auto exit = alignflow::ParseCommandLine(app, argc, argv)) return *exit;
  alignflow::Run(folder, calls, rounds);
  return 0;
}
