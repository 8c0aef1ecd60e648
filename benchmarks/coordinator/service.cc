#include "benchmarks/coordinator/service.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "common/process.h"
#include "tests/server/grey_png.h"

namespace alignflow {
namespace {

// The address in the line "listening on HOST:PORT".
std::string ReadAddress(FILE* output) {
  char line[256];
  while (std::fgets(line, sizeof(line), output) != nullptr) {
    const std::string text(line);
    if (text.starts_with("listening on ")) return text.substr(13, text.size() - 14);
  }
  Require(absl::UnavailableError("it has not started"), "coordinator");
  return "";
}

}  // namespace

void Require(const absl::Status& status, const char* what) {
  if (status.ok()) return;
  std::fprintf(stderr, "%s: %s\n", what, std::string(status.message()).c_str());
  std::exit(1);
}

Service::Service(const std::filesystem::path& state, std::vector<std::string> options,
                 const ChannelSecurity& security) {
  const std::string program = (ExecutableDirectory().value() / "alignflow-coordinator").string();
  options.insert(options.begin(),
                 {program, "--listen", "127.0.0.1:0", "--state-dir", state.string()});
  std::vector<char*> arguments;
  for (std::string& option : options) arguments.push_back(option.data());
  arguments.push_back(nullptr);
  int ends[2];
  Require(pipe(ends) == 0 ? absl::OkStatus() : absl::InternalError("pipe"), "coordinator");
  pid_ = fork();
  if (pid_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);  // however the benchmark ends
    dup2(ends[1], STDOUT_FILENO);
    const int log = open("/dev/null", O_WRONLY);
    dup2(log, STDERR_FILENO);
    close(ends[0]);
    execv(program.c_str(), arguments.data());
    _exit(127);
  }
  close(ends[1]);
  address_ = ReadAddress(fdopen(ends[0], "r"));
  channel_ = CreateChannel(address_, security).value();
  blobs_ = std::make_unique<BlobClient>(channel_);
  datasets_ = v1::Datasets::NewStub(channel_);
  jobs_ = v1::Jobs::NewStub(channel_);
  workers_ = v1::Workers::NewStub(channel_);
}

Service::~Service() {
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
}

void Service::SetWorkersSecurity(const ChannelSecurity& security) {
  workers_ = v1::Workers::NewStub(CreateChannel(address_, security).value());
}

v1::Digest Service::Upload(const std::string& bytes) {
  const BlobRef blob = DescribeBytes(bytes);
  Require(blobs_->Upload(blob, bytes), "upload");
  v1::Digest digest;
  digest.set_sha256(blob.sha256);
  digest.set_size_bytes(blob.size_bytes);
  return digest;
}

std::string Service::PushDataset(int number) {
  v1::CreateDatasetRequest request;
  request.set_dataset_id(absl::StrCat("set-", number));
  v1::Label* label = request.mutable_manifest()->add_labels();
  label->set_name("polyp");
  label->set_value(255);
  // Images whose greys say which set they are of.
  for (int i = 0; i < 3; ++i) {
    v1::DatasetItem* item = request.mutable_manifest()->add_items();
    item->set_stem(absl::StrCat("item-", i));
    const auto shade = static_cast<uint8_t>(i == 0 ? number % 250 : i + number / 250);
    *item->mutable_image() = Upload(GreyPng(8 + 2 * i, 6, shade));
    *item->mutable_mask() = Upload(GreyPng(8 + 2 * i, 6, 255));
  }
  v1::Dataset dataset;
  Require(Call(*datasets_, &v1::Datasets::Stub::CreateDataset, request, dataset), "dataset");
  return dataset.name();
}

v1::CreateJobRequest Service::JobOn(const std::string& dataset, int pairs, int seed) {
  v1::CreateJobRequest request;
  v1::AlignSpec& spec = *request.mutable_spec();
  spec.set_source(dataset);
  spec.set_pairs(pairs);
  auto& settings = *spec.mutable_settings();
  settings["gates.enabled"] = "off";
  settings["evaluate.segmenter"] = "none";
  settings["seed"] = absl::StrCat(seed);
  for (int i = 0; i < 2; ++i) {
    v1::ReferenceImage* reference = spec.add_references();
    reference->set_stem(absl::StrCat("ref-", i));
    *reference->mutable_image() = Upload(GreyPng(8, 8, static_cast<uint8_t>(200 + i)));
  }
  return request;
}

double Service::resident_mib() const {
  std::ifstream status(absl::StrCat("/proc/", pid_, "/status"));
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmRSS:")) return std::atof(line.c_str() + 6) / 1024;
  }
  return -1;
}

absl::Duration Service::processor_time() const {
  std::ifstream stat(absl::StrCat("/proc/", pid_, "/stat"));
  std::string text;
  std::getline(stat, text);
  std::istringstream fields(text.substr(text.rfind(')') + 2));
  std::string skipped;
  for (int i = 0; i < 11; ++i) fields >> skipped;
  int64_t user = 0, system = 0;
  fields >> user >> system;
  return absl::Seconds(static_cast<double>(user + system) /
                       static_cast<double>(sysconf(_SC_CLK_TCK)));
}

}  // namespace alignflow
