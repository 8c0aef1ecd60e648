#include "common/data/fingerprint.h"

#include <bit>
#include <unordered_map>

namespace alignflow {
namespace {

constexpr size_t kWordBytes = sizeof(uint64_t);

// The nearest of the first `count` others, if it is a near duplicate.
std::optional<size_t> Nearest(const SetMember& member, const std::vector<SetMember>& others,
                              size_t count) {
  if (!member.fingerprint) return std::nullopt;
  std::optional<size_t> nearest;
  int least = kNearDuplicateBits + 1;
  for (size_t i = 0; i < count; ++i) {
    if (!others[i].fingerprint) continue;
    const int bits = DifferentBits(*member.fingerprint, *others[i].fingerprint);
    if (bits >= least) continue;
    least = bits;
    nearest = i;
  }
  return nearest;
}

}  // namespace

int DifferentBits(const Fingerprint& a, const Fingerprint& b) {
  int bits = 0;
  for (size_t i = 0; i < a.bits.size(); ++i) bits += std::popcount(a.bits[i] ^ b.bits[i]);
  return bits;
}

std::string FingerprintBytes(const Fingerprint& fingerprint) {
  std::string bytes;
  for (const uint64_t word : fingerprint.bits) {
    for (size_t i = 0; i < kWordBytes; ++i) bytes += static_cast<char>(word >> (8 * i) & 0xff);
  }
  return bytes;
}

std::optional<Fingerprint> FingerprintFromBytes(std::string_view bytes) {
  Fingerprint fingerprint;
  if (bytes.size() != fingerprint.bits.size() * kWordBytes) return std::nullopt;
  for (size_t i = 0; i < bytes.size(); ++i) {
    fingerprint.bits[i / kWordBytes] |= uint64_t{static_cast<uint8_t>(bytes[i])}
                                        << (8 * (i % kWordBytes));
  }
  return fingerprint;
}

std::vector<SameMember> FindSame(const std::vector<SetMember>& set,
                                 const std::vector<SetMember>& others) {
  std::unordered_map<std::string_view, size_t> by_digest;
  for (size_t i = 0; i < others.size(); ++i) {
    if (!others[i].digest.empty()) by_digest.try_emplace(others[i].digest, i);
  }
  std::vector<SameMember> same;
  for (size_t row = 0; row < set.size(); ++row) {
    if (const auto file = by_digest.find(set[row].digest); file != by_digest.end()) {
      same.push_back({row, file->second, /*same_file=*/true});
    } else if (const auto nearest = Nearest(set[row], others, others.size())) {
      same.push_back({row, *nearest, /*same_file=*/false});
    }
  }
  return same;
}

std::vector<SameMember> FindRepeated(const std::vector<SetMember>& set) {
  std::unordered_map<std::string_view, size_t> first;
  std::vector<SameMember> repeated;
  for (size_t row = 0; row < set.size(); ++row) {
    if (!set[row].digest.empty()) {
      const auto [earlier, is_new] = first.try_emplace(set[row].digest, row);
      if (!is_new) {
        repeated.push_back({row, earlier->second, /*same_file=*/true});
        continue;
      }
    }
    if (const auto nearest = Nearest(set[row], set, row)) {
      repeated.push_back({row, *nearest, /*same_file=*/false});
    }
  }
  return repeated;
}

}  // namespace alignflow
