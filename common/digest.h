#ifndef ALIGNFLOW_COMMON_DIGEST_H_
#define ALIGNFLOW_COMMON_DIGEST_H_

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace alignflow {

// SHA-256 of bytes that arrive in pieces. Not thread-safe.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;

  void Update(std::string_view bytes);
  // 64 lower-case hexadecimal characters. Ends the computation: call it once, and nothing after it.
  std::string Finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// The SHA-256 of `bytes` as 64 lower-case hexadecimal characters.
std::string Sha256OfString(std::string_view bytes);

// The same of a file's bytes. NotFound or Internal, naming the file, if it can't be read.
absl::StatusOr<std::string> Sha256OfFile(const std::filesystem::path& file);

// Whether `text` has the form of a digest: 64 lower-case hexadecimal characters.
bool IsSha256Hex(std::string_view text);

}  // namespace alignflow

#endif  // ALIGNFLOW_COMMON_DIGEST_H_
