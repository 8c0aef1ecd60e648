#ifndef ALIGNFLOW_COMMON_SETTINGS_CANONICAL_TEXT_H_
#define ALIGNFLOW_COMMON_SETTINGS_CANONICAL_TEXT_H_

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

// Values that have one text each, so that equal settings make equal task keys. Pure functions,
// thread-safe.
namespace alignflow {

// The shortest decimal text that reads back as the same number, without an exponent.
std::string RealText(double value);

// Shares of named parts in a whole, such as "restyled:0.5,recoloured:0.5": each above 0,
// together 1.
using Shares = std::vector<std::pair<std::string, double>>;

// The shares that a text gives to some of `names`, in the order of `names`, whatever the order in
// the text. They are not scaled to a sum of 1: a sum that is not 1 is more often a slip of the pen.
// InvalidArgument says what is wrong, such as "the shares add up to 1.1", and what to write.
absl::StatusOr<Shares> ParseShares(std::string_view text,
                                   const std::vector<std::string_view>& names);

// Names between commas, such as "adenoma, serrated", without the spaces around them; none in an
// empty text. InvalidArgument for an empty name and for one that is there twice.
absl::StatusOr<std::vector<std::string>> ParseNames(std::string_view text);

// The text of shares in their order.
std::string SharesText(const Shares& shares);

}  // namespace alignflow

#endif  // ALIGNFLOW_COMMON_SETTINGS_CANONICAL_TEXT_H_
