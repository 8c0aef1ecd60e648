#ifndef ALIGNFLOW_SERVER_WORKFLOW_RANDOM_ID_H_
#define ALIGNFLOW_SERVER_WORKFLOW_RANDOM_ID_H_

#include <string>

namespace alignflow {

// `digits` random hexadecimal digits, at most 16. Thread-safe.
std::string RandomId(int digits);

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_WORKFLOW_RANDOM_ID_H_
