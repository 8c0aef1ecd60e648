// alignflow-forward: runs one component of a model folder on tensors from a file, so that anyone
// can hold a checkpoint against a reference.
#include <ATen/core/grad_mode.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <map>
#include <string>

#include "worker/forward/component.h"
#include "worker/models/safetensors.h"
#include "worker/tasks/device.h"

namespace alignflow {
namespace {

struct Flags {
  std::string model, component, input, output;
  std::string device = "cpu";
  std::string dtype = "float32";
  std::string text;
};

void Run(const Flags& flags, ForwardRequest request) {
  const auto device = ResolveDevice(flags.device);
  if (!device.ok()) throw std::runtime_error(std::string(device.status().message()));
  request.model = flags.model;
  request.options = at::TensorOptions(at::Device(*device))
                        .dtype(flags.dtype == "float32" ? at::kFloat : at::kBFloat16);
  ForwardInputs inputs(flags.input, request.options);
  const at::NoGradGuard no_grad;
  const TensorMap outputs = Components().at(flags.component)(request, inputs);
  WriteSafetensors(flags.output, outputs, {});
  for (const auto& [name, tensor] : outputs) {
    std::printf("%s %s\n", name.c_str(), c10::str(tensor.sizes()).c_str());
  }
}

int Main(int argc, char** argv) {
  CLI::App app("Runs one component of a model folder on tensors from a file.", "alignflow-forward");
  Flags flags;
  ForwardRequest request;
  std::vector<std::string> names;
  for (const auto& [name, component] : Components()) names.push_back(name);
  app.add_option("--model", flags.model, "Folder with the model")
      ->required()
      ->check(CLI::ExistingDirectory);
  app.add_option("--component", flags.component, "What to run")
      ->required()
      ->check(CLI::IsMember(names));
  app.add_option("--input", flags.input,
                 "Safetensors file with the inputs, under the reference's names")
      ->check(CLI::ExistingFile);
  app.add_option("--output", flags.output, "Safetensors file to write the outputs to")->required();
  app.add_option("--device", flags.device)
      ->check(CLI::IsMember({"cpu", "cuda"}))
      ->capture_default_str();
  app.add_option("--dtype", flags.dtype, "Of weights and computation")
      ->check(CLI::IsMember({"float32", "bfloat16"}))
      ->capture_default_str();
  auto* text = app.add_option("--text", flags.text, "The prompt, for tokenizers and the pipeline");
  app.add_option("--steps", request.steps, "Of the pipeline")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  app.add_option("--guidance", request.guidance, "Of the pipeline")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  if (text->count() > 0) request.text = flags.text;
  try {
    Run(flags, std::move(request));
  } catch (const std::exception& error) {
    // c10::Error's what() ends in a stack trace.
    const std::string message = error.what();
    std::fprintf(stderr, "alignflow-forward: %s\n",
                 message.substr(0, message.find("\nException raised from")).c_str());
    return 1;
  }
  return 0;
}

}  // namespace
}  // namespace alignflow

int main(int argc, char** argv) { return alignflow::Main(argc, argv); }
