#include "server/workflow/random_id.h"

#include <cstdint>
#include <random>

#include "absl/strings/str_format.h"

namespace alignflow {

std::string RandomId(int digits) {
  std::random_device random;
  const uint64_t number = (uint64_t{random()} << 32) | random();
  return absl::StrFormat("%016x", number).substr(0, digits);
}

}  // namespace alignflow
