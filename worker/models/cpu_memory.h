#ifndef ALIGNFLOW_WORKER_MODELS_CPU_MEMORY_H_
#define ALIGNFLOW_WORKER_MODELS_CPU_MEMORY_H_

namespace alignflow {

// Makes the C library keep freed memory for the next allocation instead of giving it back to the
// kernel. Without it every step of training or sampling on the CPU maps, clears and unmaps its
// tensors anew, which takes about a tenth of the step. For the whole process, and for good: a
// program calls it once when it starts. The process then holds its peak. No effect without glibc.
void KeepFreedMemory();

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_MODELS_CPU_MEMORY_H_
