// What each kind of task costs on a large source of 1024-pixel images: seconds, bytes read and peak
// memory. Each task runs in a process of its own, as a worker would run it, without a service.
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "common/data/manifest.h"
#include "common/settings/settings.h"
#include "tests/worker/tasks/fake_context.h"
#include "worker/data/phantom.h"
#include "worker/tasks/device.h"
#include "worker/tasks/task.h"

namespace alignflow {
namespace {

constexpr int kSize = 1024;
constexpr int kDrawn = 256;   // side that phantoms are drawn at: at 1024 one takes 20 s
constexpr int kDistinct = 6;  // phantoms drawn; others are these, moved, mirrored, in other light

// Few steps: what is measured is what a task costs before and after them.
const SettingMap kShort{
    {"fit.iterations", "4"},      {"judge.iterations", "4"}, {"masks.iterations", "4"},
    {"align.iterations", "4"},    {"align.pool", "32"},      {"generate.steps", "2"},
    {"figures.samples", "32"},    {"gates.attempts", "1"},   {"masks.kind", "both"},
    {"evaluate.iterations", "4"}, {"masks.candidates", "1"}, {"gates.mask_agreement", "0"}};

std::string Encoded(const char* type, const cv::Mat& pixels, const std::vector<int>& how) {
  std::vector<uint8_t> bytes;
  cv::imencode(type, pixels, bytes, how);
  return {bytes.begin(), bytes.end()};
}

// Stores JPEG images and PNG masks of which no two are equal; returns the manifest's digest.
std::string PutImages(FakeBlobs& blobs, PhantomDomain domain, int count, bool masks,
                      uint64_t seed) {
  const PhantomOptions options{.kind = PhantomKind::kPolyp,
                               .domain = domain,
                               .count = kDistinct,
                               .seed = seed,
                               .size = kDrawn};
  std::vector<Phantom> drawn;
  for (int i = 0; i < std::min(kDistinct, count); ++i) {
    drawn.push_back(MakePhantom(options, i));
    Phantom& phantom = drawn.back();
    cv::resize(phantom.image, phantom.image, {kSize, kSize}, 0, 0, cv::INTER_CUBIC);
    cv::resize(phantom.mask, phantom.mask, {kSize, kSize}, 0, 0, cv::INTER_NEAREST);
  }
  DatasetManifest manifest;
  manifest.kind = masks ? DatasetKind::kDataset : DatasetKind::kReferences;
  if (masks) manifest.labels = PhantomLabels(PhantomKind::kPolyp);
  manifest.items.resize(count);
  const auto make = [&](int number) {
    const Phantom& phantom = drawn[number % kDistinct];
    const int variant = number / kDistinct;
    const cv::Matx23d move(1, 0, (variant * 37) % 160 - 80, 0, 1, (variant * 61) % 160 - 80);
    cv::Mat image, mask;
    cv::warpAffine(phantom.image, image, move, phantom.image.size(), cv::INTER_NEAREST,
                   cv::BORDER_REFLECT);
    cv::warpAffine(phantom.mask, mask, move, phantom.mask.size(), cv::INTER_NEAREST,
                   cv::BORDER_REFLECT);
    if (variant % 2 == 1) {
      cv::flip(image, image, 1);
      cv::flip(mask, mask, 1);
    }
    image.convertTo(image, -1, 0.9 + 0.2 * (variant % 11) / 11.0);
    char name[16];
    std::snprintf(name, sizeof name, "%07d", number);
    manifest.items[number] = {
        .name = name,
        .image = blobs.Put(Encoded(".jpg", image, {cv::IMWRITE_JPEG_QUALITY, 90})),
        .mask = masks ? blobs.Put(Encoded(".png", mask, {cv::IMWRITE_PNG_COMPRESSION, 1})) : "",
        .width = kSize,
        .height = kSize};
  };
  {
    std::vector<std::jthread> workers;
    const int threads = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
    for (int thread = 0; thread < threads; ++thread) {
      workers.emplace_back([&, thread] {
        for (int i = thread; i < count; i += threads) make(i);
      });
    }
  }
  return blobs.Put(WriteManifest(manifest).value());
}

// Files become blobs as they are, under names of their own: to read them is no part of a task.
class MovingContext : public FakeContext {
 public:
  MovingContext(FakeBlobs& blobs, const std::filesystem::path& scratch)
      : FakeContext(blobs, scratch), blobs_(blobs) {}
  absl::StatusOr<std::string> StoreFile(const std::filesystem::path& file) override {
    char digest[65];
    std::snprintf(digest, sizeof digest, "%032d%032d", getpid(), ++files_);
    std::filesystem::rename(file, blobs_.PathOf(digest));
    return digest;
  }

 private:
  FakeBlobs& blobs_;
  int files_ = 0;
};

// A field of a file below /proc/self, such as "RssAnon:".
int64_t ProcField(const char* file, const std::string& name) {
  std::ifstream stream(std::string("/proc/self/") + file);
  std::string word;
  int64_t value = 0;
  while (stream >> word) {
    if (word == name && stream >> value) return value;
    std::string rest;
    std::getline(stream, rest);
  }
  return 0;
}

class Bench {
 public:
  Bench(std::filesystem::path folder, std::string preset)
      : folder_(std::move(folder)), blobs_(folder_ / "blobs"), preset_(std::move(preset)) {
    std::printf(
        "| task | seconds | CPU seconds | GiB read | peak memory, GiB |\n"
        "| --- | --- | --- | --- | --- |\n");
  }

  FakeBlobs& blobs() { return blobs_; }

  TaskOutputs Run(const std::string& kind, std::map<std::string, std::string> inputs,
                  SettingMap more = {}) {
    const SettingMap resolved = ResolveSettings(preset_, kShort).value();
    TaskSpec spec{.kind = kind,
                  .settings = SettingsOfKind(kind, preset_, resolved),
                  .inputs = std::move(inputs)};
    if (kind == "prepare" || kind == "describe") spec.settings.clear();
    for (const auto& [name, value] : more) spec.settings[name] = value;
    int ends[2];
    if (pipe(ends) != 0) throw std::runtime_error("no pipe");
    std::fflush(stdout);
    const auto start = std::chrono::steady_clock::now();
    const pid_t child = fork();
    if (child == 0) {
      close(ends[0]);
      InChild(spec, ends[1]);
    }
    close(ends[1]);
    std::string text;
    char buffer[4096];
    for (ssize_t count; (count = read(ends[0], buffer, sizeof buffer)) > 0;) {
      text.append(buffer, static_cast<size_t>(count));
    }
    close(ends[0]);
    int status = 0;
    rusage usage{};
    wait4(child, &status, 0, &usage);
    const double seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    if (status != 0) throw std::runtime_error(kind + " failed: " + text);
    std::istringstream lines(text);
    double anonymous = 0, bytes = 0;
    lines >> anonymous >> bytes;
    TaskOutputs outputs;
    for (std::string role, digest; lines >> role >> digest;) outputs[role] = digest;
    const auto cpu = [](const timeval& time) {
      return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
    };
    std::printf("| %s | %.1f | %.1f | %.3f | %.2f |\n", kind.c_str(), seconds,
                cpu(usage.ru_utime) + cpu(usage.ru_stime), bytes / (1 << 30),
                anonymous / (1 << 20));
    return outputs;
  }

 private:
  // Runs the task and tells: greatest anonymous memory in KiB, bytes read and mapped, outputs.
  [[noreturn]] void InChild(const TaskSpec& spec, int to) {
    const int threads = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
    SetThreads(threads);
    cv::setNumThreads(threads);
    std::atomic<bool> done = false;
    std::atomic<int64_t> anonymous = 0, mapped = 0;
    std::thread meter([&] {
      while (!done) {
        anonymous = std::max<int64_t>(anonymous, ProcField("status", "RssAnon:"));
        mapped = std::max<int64_t>(mapped, ProcField("status", "RssFile:"));
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
      }
    });
    const int64_t mapped_before = ProcField("status", "RssFile:");
    MovingContext context(blobs_, folder_ / ("scratch-" + std::to_string(getpid())));
    const absl::StatusOr<TaskOutputs> outputs = RunTask(spec, context);
    done = true;
    meter.join();
    std::filesystem::remove_all(context.scratch());
    std::ostringstream text;
    if (outputs.ok()) {
      text << anonymous << " "
           << ProcField("io", "rchar:") + 1024 * std::max<int64_t>(0, mapped - mapped_before)
           << "\n";
      for (const auto& [role, digest] : *outputs) text << role << " " << digest << "\n";
    } else {
      text << outputs.status().ToString();
    }
    const std::string all = text.str();
    const bool told = write(to, all.data(), all.size()) == static_cast<ssize_t>(all.size());
    _exit(outputs.ok() && told ? 0 : 1);
  }

  std::filesystem::path folder_;
  FakeBlobs blobs_;
  std::string preset_;
};

// As a job with new masks, gates and a target runs them; one shard of 32 pairs.
void Main(int count, const std::string& preset, bool unprepared) {
  cv::setNumThreads(1);  // a pool of threads would not survive the forks
  std::string pattern = (std::filesystem::temp_directory_path() / "alignflow-XXXXXX").string();
  const std::filesystem::path folder = mkdtemp(pattern.data());
  std::printf("%d images of %d pixels, %s\n\n", count, kSize, preset.c_str());
  Bench bench(folder, preset);
  const std::string references =
      PutImages(bench.blobs(), PhantomDomain::kTargetA, 10, /*masks=*/false, 3);
  std::string source = PutImages(bench.blobs(), PhantomDomain::kSource, count, /*masks=*/true, 1);
  std::string target = PutImages(bench.blobs(), PhantomDomain::kTargetA, std::max(20, count / 10),
                                 /*masks=*/true, 2);
  std::map<std::string, std::string> described;
  if (!unprepared) {
    const SettingMap size{{"size", preset == "unet-64" ? "64" : "128"}};
    source = bench.Run("prepare", {{"dataset", source}}, size)["packed"];
    target = bench.Run("prepare", {{"dataset", target}}, size)["packed"];
    described["statistics"] = bench.Run("describe", {{"source", source}})["statistics"];
  }
  const auto with = [&](std::map<std::string, std::string> inputs, bool statistics = false) {
    inputs["source"] = source;
    if (statistics) inputs.insert(described.begin(), described.end());
    return inputs;
  };
  const SettingMap shard{{"first_pair", "1"}, {"last_pair", "32"}};
  const std::string stage1 = bench.Run("fit", with({}))["model"];
  const TaskOutputs fitted = bench.Run("fit-masks", with({}));
  const std::string judge = bench.Run("judge", with({}))["segmenter"];
  const std::string pool = bench.Run("rollout", with({{"model", stage1}}))["pool"];
  const std::string stage2 = bench.Run(
      "align",
      with({{"model", stage1}, {"references", references}, {"pool", pool}}, true))["model"];
  std::map<std::string, std::string> masks_inputs{{"model", fitted.at("model")}};
  if (!unprepared) masks_inputs["rules"] = fitted.at("rules");
  const std::string masks = bench.Run("masks", with(masks_inputs), shard)["masks"];
  const std::string pairs = bench.Run("generate",
                                      with({{"model", stage2},
                                            {"stage1", stage1},
                                            {"judge/000000", judge},
                                            {"masks", masks},
                                            {"references", references}},
                                           true),
                                      shard)["pairs"];
  bench.Run("evaluate", with({{"target", target}, {"pairs/000000", pairs}}), {{"run", "1"}});
  bench.Run("figures",
            with({{"target", target}, {"references", references}, {"stage2/000000", pairs}}, true));
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace alignflow

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "benchmark_large_source IMAGES [PRESET [unprepared]]\n");
    return 2;
  }
  try {
    alignflow::Main(std::stoi(argv[1]), argc > 2 ? argv[2] : "unet-128", argc > 3);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return 0;
}
