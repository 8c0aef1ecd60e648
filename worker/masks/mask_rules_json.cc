#include "worker/masks/mask_rules_json.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <vector>

namespace alignflow {
namespace {

using nlohmann::json;

bool AreClasses(const std::vector<int>& numbers, int count) {
  return std::ranges::all_of(numbers, [&](int i) { return i >= 1 && i < count; });
}

}  // namespace

std::string MaskRulesToJson(const MaskRules& rules) {
  json classes = json::array();
  for (const ClassRules& own : rules.classes) {
    classes.push_back({{"parent", own.parent},
                       {"always", own.always},
                       {"thin", own.thin},
                       {"holes", own.holes},
                       {"border", own.border},
                       {"most_parts", own.most_parts},
                       {"least_area", own.least_area},
                       {"inner", own.inner}});
  }
  return json{{"side", rules.side}, {"order", rules.order}, {"classes", classes}}.dump();
}

MaskRules MaskRulesFromJson(const std::string& text, int count, int side) {
  MaskRules rules;
  try {
    const json document = json::parse(text);
    rules.side = document.at("side");
    rules.order = document.at("order").get<std::vector<int>>();
    for (const json& own : document.at("classes")) {
      rules.classes.push_back({.parent = own.at("parent"),
                               .always = own.at("always"),
                               .thin = own.at("thin"),
                               .holes = own.at("holes"),
                               .border = own.at("border"),
                               .most_parts = own.at("most_parts"),
                               .least_area = own.at("least_area"),
                               .inner = own.at("inner").get<std::vector<int>>()});
    }
  } catch (const json::exception& error) {
    throw std::invalid_argument(std::string("not the rules of masks: ") + error.what());
  }
  const bool fit = rules.side == side && static_cast<int>(rules.classes.size()) == count &&
                   static_cast<int>(rules.order.size()) == count - 1 &&
                   AreClasses(rules.order, count) &&
                   std::ranges::all_of(rules.classes, [&](const ClassRules& own) {
                     return own.parent >= 0 && own.parent < count && AreClasses(own.inner, count);
                   });
  if (!fit) throw std::invalid_argument("the rules of masks are of other classes or another size");
  return rules;
}

}  // namespace alignflow
