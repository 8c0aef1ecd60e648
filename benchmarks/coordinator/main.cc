// What the coordinator's calls cost under load, beside the same at a hundredth of the size, or with
// the catalog in PostgreSQL, in the same run. benchmarks/coordinator.sh builds and runs it.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "benchmarks/coordinator/finished_jobs.h"
#include "benchmarks/coordinator/played_workers.h"
#include "benchmarks/coordinator/samples.h"
#include "benchmarks/coordinator/service.h"
#include "common/command_line.h"
#include "common/process.h"
#include "tests/server/test_database.h"

namespace alignflow {
namespace {

struct Size {
  int busy = 700, idle = 300, jobs = 10000, finished = 100000, pairs = 1000000;
  int seconds = 20;  // of load

  Size Hundredth() const {
    Size size = *this;
    for (int* number : {&size.busy, &size.idle, &size.jobs, &size.finished, &size.pairs}) {
      *number = std::max(*number / 100, 1);
    }
    return size;
  }
};

struct Measured {
  std::string title;
  Samples samples;
  double resident_mib = 0;
  double idle_share = 0, busy_share = 0;  // of one processor
  int refused = 0;
};

v1::Job CreateJob(Service& service, const v1::CreateJobRequest& request, Samples& samples,
                  const std::string& name) {
  v1::Job job;
  Require(
      samples.Time(
          name,
          [&] { return Service::Call(service.jobs(), &v1::Jobs::Stub::CreateJob, request, job); }),
      "create a job");
  return job;
}

void GetJob(Service& service, const std::string& job, Samples& samples, const std::string& name) {
  v1::GetJobRequest request;
  request.set_name(job);
  v1::Job response;
  Require(samples.Time(name,
                       [&] {
                         return Service::Call(service.jobs(), &v1::Jobs::Stub::GetJob, request,
                                              response);
                       }),
          "get a job");
}

void ListJobs(Service& service, Samples& samples) {
  v1::ListJobsRequest request;
  request.set_page_size(100);
  v1::ListJobsResponse response;
  Require(samples.Time("ListJobs, 100",
                       [&] {
                         return Service::Call(service.jobs(), &v1::Jobs::Stub::ListJobs, request,
                                              response);
                       }),
          "list jobs");
}

double ShareOf(Service& service, absl::Duration interval) {
  const absl::Duration before = service.processor_time();
  absl::SleepFor(interval);
  return absl::FDivDuration(service.processor_time() - before, interval);
}

// One job of very many pairs, of which only shards are made: created, looked at and cancelled.
void MeasureLargeJob(Service& service, const Size& size, Samples& samples) {
  PlayedWorkers workers(service, samples, ", pairs");
  v1::CreateJobRequest request = service.JobOn(service.PushDataset(100000), size.pairs, 0);
  (*request.mutable_spec()->mutable_settings())["method"] = "reinhard";
  const std::string job = CreateJob(service, request, samples, "CreateJob, pairs").name();
  workers.TakeTasks(1);
  workers.Work(std::clamp(size.pairs / 64, 2, 40));
  for (int i = 0; i < 50; ++i) GetJob(service, job, samples, "GetJob, pairs");
  v1::CancelJobRequest cancel;
  cancel.set_name(job);
  v1::Job response;
  Require(samples.Time("CancelJob, pairs",
                       [&] {
                         return Service::Call(service.jobs(), &v1::Jobs::Stub::CancelJob, cancel,
                                              response);
                       }),
          "cancel a job");
}

// The state folder's catalog moves into a database of a server that was started for it.
std::vector<std::string> MoveIntoPostgres(const std::filesystem::path& state) {
  TestServer::durable = true;
  const std::string url = TestServer::Get().AddressOf(TestServer::Get().Create()).url;
  const std::string program = (ExecutableDirectory().value() / "alignflow-coordinator").string();
  auto move = ChildProcess::Spawn(
      {program, "migrate-state", "--state-dir", state.string(), "--catalog", url});
  Require(move.status(), "migrate-state");
  Require(
      move->WaitOrKill(absl::Hours(1)) == 0 ? absl::OkStatus() : absl::InternalError("it failed"),
      "migrate-state");
  return {"--catalog", url};
}

void Measure(const Size& size, bool postgresql, Measured& measured) {
  const std::filesystem::path folder =
      std::filesystem::temp_directory_path() / absl::StrCat("benchmark-coordinator-", getpid());
  std::filesystem::create_directories(folder);
  Require(WriteFinishedJobs(folder / "catalog.sqlite", size.finished), "finished jobs");
  std::vector<std::string> options;
  if (postgresql) options = MoveIntoPostgres(folder);
  {
    Service service(folder, options);
    Samples& samples = measured.samples;
    MeasureLargeJob(service, size, samples);
    {
      PlayedWorkers all(service, samples);
      all.WaitForTasks(size.busy + size.idle);
      measured.idle_share = ShareOf(service, absl::Seconds(size.seconds / 2));
    }
    // Every busy worker prepares a dataset, and the jobs wait for these.
    std::vector<std::string> datasets;
    for (int i = 0; i < size.busy; ++i) datasets.push_back(service.PushDataset(i));
    std::vector<std::string> jobs;
    for (int i = 0; i < size.jobs; ++i) {
      const v1::CreateJobRequest request = service.JobOn(datasets[i % size.busy], 32, i);
      jobs.push_back(CreateJob(service, request, samples, "CreateJob").name());
    }
    PlayedWorkers workers(service, samples);
    workers.StartBeating();
    const int taken = workers.TakeTasks(size.busy);
    if (taken < size.busy)
      std::fprintf(stderr, "only %d of %d workers got a task\n", taken, size.busy);
    workers.WaitForTasks(size.idle);
    const absl::Time start = absl::Now();
    const absl::Duration before = service.processor_time();
    for (size_t i = 0; absl::Now() < start + absl::Seconds(size.seconds); ++i) {
      GetJob(service, jobs[i * 7919 % jobs.size()], samples, "GetJob");
      ListJobs(service, samples);
      absl::SleepFor(absl::Milliseconds(100));
    }
    measured.busy_share =
        absl::FDivDuration(service.processor_time() - before, absl::Now() - start);
    // Reports of tasks that some fourteen jobs wait for.
    workers.Work(std::min(size.busy, std::max(size.busy / 4, 20)));
    measured.resident_mib = service.resident_mib();
    measured.refused = workers.refused();
    workers.Stop();
  }
  std::filesystem::remove_all(folder);
}

std::string TitleOf(const Size& size) {
  return absl::StrFormat("%d workers, %d jobs, %d finished, %d pairs", size.busy + size.idle,
                         size.jobs, size.finished, size.pairs);
}

void Print(Measured& small, Measured& large) {
  std::printf("\n| what | %s | %s |\n| --- | --- | --- |\n", small.title.c_str(),
              large.title.c_str());
  for (const char* name :
       {"Heartbeat", "Lease", "Report", "GetJob", "ListJobs, 100", "CreateJob", "CreateJob, pairs",
        "Lease, pairs", "Report, pairs", "GetJob, pairs", "CancelJob, pairs"}) {
    std::printf("| %s, p50 / p99 (ms) |", name);
    for (Measured* side : {&small, &large}) {
      std::printf(" %.1f / %.1f |", side->samples.Quantile(name, 0.5),
                  side->samples.Quantile(name, 0.99));
    }
    std::printf("\n");
  }
  std::printf("| heartbeats measured | %zu | %zu |\n", small.samples.CountOf("Heartbeat"),
              large.samples.CountOf("Heartbeat"));
  std::printf("| workers refused while they wait | %d | %d |\n", small.refused, large.refused);
  std::printf("| resident memory (MiB) | %.0f | %.0f |\n", small.resident_mib, large.resident_mib);
  std::printf("| one core, all workers wait | %.1f %% | %.1f %% |\n", 100 * small.idle_share,
              100 * large.idle_share);
  std::printf("| one core, heartbeats and reads | %.1f %% | %.1f %% |\n", 100 * small.busy_share,
              100 * large.busy_share);
}

}  // namespace
}  // namespace alignflow

int main(int argc, char** argv) {
  alignflow::Size size;
  CLI::App app("What the coordinator's calls cost under load.", "benchmark_coordinator");
  app.add_option("--busy", size.busy, "Workers with a task")->capture_default_str();
  app.add_option("--idle", size.idle, "Workers that wait for one")->capture_default_str();
  app.add_option("--jobs", size.jobs, "Unfinished jobs")->capture_default_str();
  app.add_option("--finished", size.finished, "Finished jobs")->capture_default_str();
  app.add_option("--pairs", size.pairs, "Pairs of the one large job")->capture_default_str();
  app.add_option("--seconds", size.seconds, "Duration of the load")->capture_default_str();
  bool postgresql = false;
  app.add_flag("--postgresql", postgresql,
               "Beside the same with the catalog in a PostgreSQL server of its own, instead of "
               "beside a hundredth of the size");
  if (const auto exit = alignflow::ParseCommandLine(app, argc, argv)) return *exit;
  alignflow::Measured first, second;
  if (postgresql) {
    const std::string title = alignflow::TitleOf(size);
    first.title = absl::StrCat("SQLite: ", title);
    second.title = absl::StrCat("PostgreSQL: ", title);
    alignflow::Measure(size, false, first);
  } else {
    first.title = alignflow::TitleOf(size.Hundredth());
    second.title = alignflow::TitleOf(size);
    alignflow::Measure(size.Hundredth(), false, first);
  }
  alignflow::Measure(size, postgresql, second);
  alignflow::Print(first, second);
  return 0;
}
