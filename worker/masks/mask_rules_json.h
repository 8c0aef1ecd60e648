#ifndef ALIGNFLOW_WORKER_MASKS_MASK_RULES_JSON_H_
#define ALIGNFLOW_WORKER_MASKS_MASK_RULES_JSON_H_

#include <string>

#include "worker/masks/mask_cleanup.h"

// Mask rules as a fit-masks task hands them to masks tasks.
namespace alignflow {

std::string MaskRulesToJson(const MaskRules& rules);

// Throws std::invalid_argument for a text that holds none, or none for `count` classes of masks of
// `side` pixels.
MaskRules MaskRulesFromJson(const std::string& text, int count, int side);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_MASKS_MASK_RULES_JSON_H_
