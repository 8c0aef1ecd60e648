#ifndef ALIGNFLOW_COMMON_SETTINGS_RESULT_VERSION_H_
#define ALIGNFLOW_COMMON_SETTINGS_RESULT_VERSION_H_

namespace alignflow {

// Version of the engine's results. Part of every task's digest: raise it when the same task would
// give other bytes, and nothing stale is reused.
inline constexpr int kResultVersion = 10;

}  // namespace alignflow

#endif  // ALIGNFLOW_COMMON_SETTINGS_RESULT_VERSION_H_
