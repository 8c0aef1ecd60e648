#include "common/version.h"

namespace alignflow {

std::string_view Version() { return ALIGNFLOW_VERSION; }

}  // namespace alignflow
