#ifndef ALIGNFLOW_COMMON_DATA_FINGERPRINT_H_
#define ALIGNFLOW_COMMON_DATA_FINGERPRINT_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// Which pictures of two sets are one and the same. Two pictures are, if their files have the same
// bytes, or if their fingerprints (worker/data/item_facts.h makes them) differ in few bits: stored
// anew as JPEG, resized, or a little brighter. Pure functions, thread-safe.
namespace alignflow {

struct Fingerprint {
  std::array<uint64_t, 4> bits{};
  bool operator==(const Fingerprint&) const = default;
};

// Bits of 255 in which near duplicates differ at most. Of real images (docs/figures.md) none of
// different hospitals came nearer than 40, none of different video sequences nearer than 36, and
// none that was stored anew, halved, brightened or tinted was further away than 16.
inline constexpr int kNearDuplicateBits = 24;

int DifferentBits(const Fingerprint& a, const Fingerprint& b);

// 32 bytes, as they travel; nothing for a text of another length.
std::string FingerprintBytes(const Fingerprint& fingerprint);
std::optional<Fingerprint> FingerprintFromBytes(std::string_view bytes);

// A picture of a set, as far as it can be compared with others.
struct SetMember {
  std::string name;
  std::string digest;                      // SHA-256 of the file; empty: unknown
  std::optional<Fingerprint> fingerprint;  // nothing: unknown, or a picture of nothing
  std::string group = {};                  // as GroupOf tells; empty: one by itself
};

// A member of one set that is in another, too.
struct SameMember {
  size_t row = 0;    // in the one
  size_t other = 0;  // in the other
  bool same_file = false;
};

// Of each member of `set` that `others` holds as well, its nearest there. Rising rows. Takes a
// fraction of a second for 10,000 members each.
std::vector<SameMember> FindSame(const std::vector<SetMember>& set,
                                 const std::vector<SetMember>& others);

// The members whose file or near duplicate stands earlier in the set, with that one.
std::vector<SameMember> FindRepeated(const std::vector<SetMember>& set);

}  // namespace alignflow

#endif  // ALIGNFLOW_COMMON_DATA_FINGERPRINT_H_
