#include "worker/training/random_stream.h"

#include <ATen/CPUGeneratorImpl.h>

#include <random>

namespace alignflow {

at::Generator RandomStream(uint64_t seed, RandomUse use, uint64_t index) {
  // ATen seeds its engine with 32 bits only, of which a million pairs would share some. The whole
  // state is filled instead.
  std::seed_seq sequence{static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32),
                         static_cast<uint32_t>(use), static_cast<uint32_t>(index),
                         static_cast<uint32_t>(index >> 32)};
  at::mt19937_data_pod state{};
  sequence.generate(state.state_.begin(), state.state_.end());
  state.seed_ = seed;
  state.seeded_ = true;
  state.left_ = 1;  // numbers are made anew before the first draw
  at::mt19937 engine;
  engine.set_data(state);
  at::Generator generator = at::make_generator<at::CPUGeneratorImpl>();
  generator.get<at::CPUGeneratorImpl>()->set_engine(engine);
  return generator;
}

}  // namespace alignflow
