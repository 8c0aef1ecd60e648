#include "worker/models/cpu_memory.h"

#include <features.h>
#if defined(__GLIBC__)
#include <malloc.h>
#endif

namespace alignflow {

void KeepFreedMemory() {
#if defined(__GLIBC__)
  mallopt(M_MMAP_THRESHOLD, 32 << 20);  // the most that every version takes
  mallopt(M_TRIM_THRESHOLD, -1);        // never
  mallopt(M_TOP_PAD, 64 << 20);
#endif
}

}  // namespace alignflow
