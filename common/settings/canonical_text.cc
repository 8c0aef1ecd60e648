#include "common/settings/canonical_text.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace alignflow {
namespace {

constexpr double kRounding = 1e-9;  // of a sum of decimal numbers

// Even shares of all names, as an example: "a:0.34,b:0.33,c:0.33".
std::string Example(const std::vector<std::string_view>& names) {
  const auto count = static_cast<double>(names.size());
  const double part = std::floor(100 / count) / 100;
  Shares shares;
  for (const std::string_view name : names) {
    shares.emplace_back(name,
                        shares.empty() ? std::round(100 - 100 * part * (count - 1)) / 100 : part);
  }
  return SharesText(shares);
}

}  // namespace

std::string RealText(double value) {
  char text[400];
  value += 0.0;  // no "-0"
  const auto end = std::to_chars(text, text + sizeof text, value, std::chars_format::fixed).ptr;
  return std::string(text, end);
}

absl::StatusOr<Shares> ParseShares(std::string_view text,
                                   const std::vector<std::string_view>& names) {
  const auto refuse = [&](const std::string& what) {
    return absl::InvalidArgumentError(
        absl::StrCat(what, "; give shares above 0 that add up to 1, such as ", Example(names)));
  };
  std::vector<double> given(names.size(), 0);
  double sum = 0;
  for (const std::string& part :
       std::vector<std::string>(absl::StrSplit(absl::string_view(text.data(), text.size()), ','))) {
    const std::vector<std::string> sides = absl::StrSplit(part, ':');
    double share = 0;
    if (sides.size() != 2 || !absl::SimpleAtod(sides[1], &share)) {
      return refuse(absl::StrCat("'", part, "' is not a name and its share"));
    }
    const std::string name(absl::StripAsciiWhitespace(sides[0]));
    const auto known = std::ranges::find(names, std::string_view(name));
    if (known == names.end()) {
      return refuse(
          absl::StrCat("'", name, "' is not one of ",
                       absl::StrJoin(std::vector<std::string>(names.begin(), names.end()), ", ")));
    }
    if (!(share > 0)) return refuse(absl::StrCat("the share of ", name, " is not above 0"));
    double& of_name = given[known - names.begin()];
    if (of_name > 0) return refuse(absl::StrCat(name, " is there twice"));
    of_name = share;
    sum += share;
  }
  if (!(std::abs(sum - 1) <= kRounding)) {
    return refuse(absl::StrCat("the shares add up to ", sum));
  }
  Shares shares;
  for (size_t i = 0; i < names.size(); ++i) {
    if (given[i] > 0) shares.emplace_back(names[i], given[i]);
  }
  return shares;
}

std::string SharesText(const Shares& shares) {
  return absl::StrJoin(shares, ",", [](std::string* text, const auto& share) {
    absl::StrAppend(text, share.first, ":", RealText(share.second));
  });
}

absl::StatusOr<std::vector<std::string>> ParseNames(std::string_view text) {
  std::vector<std::string> names;
  const absl::string_view all =
      absl::StripAsciiWhitespace(absl::string_view(text.data(), text.size()));
  if (all.empty()) return names;
  for (std::string name : std::vector<std::string>(absl::StrSplit(all, ','))) {
    absl::StripAsciiWhitespace(&name);
    if (name.empty()) return absl::InvalidArgumentError("a name between two commas is empty");
    if (std::ranges::find(names, name) != names.end()) {
      return absl::InvalidArgumentError(absl::StrCat("'", name, "' is there twice"));
    }
    names.push_back(std::move(name));
  }
  return names;
}

}  // namespace alignflow
