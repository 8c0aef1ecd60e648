# LibTorch as imported targets. TorchConfig.cmake is not used: the wheel's asks for a CUDA toolkit even where only
# libtorch_cpu is linked.
set(ALIGNFLOW_TORCH_DIR "${PROJECT_SOURCE_DIR}/third_party/libtorch/torch" CACHE PATH
    "The folder named torch of a PyTorch 2.11 wheel (scripts/setup.sh unpacks one), or of an installed PyTorch")
if(NOT EXISTS ${ALIGNFLOW_TORCH_DIR}/lib/libtorch_cpu.so)
  message(FATAL_ERROR "no LibTorch in ${ALIGNFLOW_TORCH_DIR}: run scripts/setup.sh, or set ALIGNFLOW_TORCH_DIR")
endif()

add_library(torch_cpu_import SHARED IMPORTED)
set_target_properties(torch_cpu_import PROPERTIES IMPORTED_LOCATION ${ALIGNFLOW_TORCH_DIR}/lib/libtorch_cpu.so)
add_library(torch_c10_import SHARED IMPORTED)
set_target_properties(torch_c10_import PROPERTIES IMPORTED_LOCATION ${ALIGNFLOW_TORCH_DIR}/lib/libc10.so)
add_library(alignflow_torch INTERFACE)
target_include_directories(alignflow_torch SYSTEM INTERFACE
  ${ALIGNFLOW_TORCH_DIR}/include ${ALIGNFLOW_TORCH_DIR}/include/torch/csrc/api/include)
# libtorch_cpu.so finds its own needs (libgomp, and two small NVIDIA run-time libraries of the wheel's) by its RPATH.
target_link_libraries(alignflow_torch INTERFACE torch_cpu_import torch_c10_import)
target_link_options(alignflow_torch INTERFACE -Wl,--allow-shlib-undefined
  -Wl,-rpath-link,${ALIGNFLOW_TORCH_DIR}/../nvidia/cu13/lib)

# at::parallel_for is a header template that runs on LibTorch's threads only where OpenMP is on. The runtime linked is the wheel's
# own, which libtorch_cpu.so loads: one runtime, one pool of threads.
find_package(OpenMP REQUIRED COMPONENTS CXX)
add_library(torch_gomp_import SHARED IMPORTED)
set_target_properties(torch_gomp_import PROPERTIES IMPORTED_LOCATION ${ALIGNFLOW_TORCH_DIR}/lib/libgomp.so.1)
target_compile_options(alignflow_torch INTERFACE ${OpenMP_CXX_FLAGS})
target_link_libraries(alignflow_torch INTERFACE torch_gomp_import)

find_program(ALIGNFLOW_NVCC nvcc HINTS /usr/local/cuda/bin)
if(ALIGNFLOW_CUDA STREQUAL "ON" OR (ALIGNFLOW_CUDA STREQUAL "AUTO" AND ALIGNFLOW_NVCC))
  message(STATUS "LibTorch: CPU and CUDA")
  set(ALIGNFLOW_WITH_CUDA 1)
else()
  message(STATUS "LibTorch: CPU only")
  set(ALIGNFLOW_WITH_CUDA 0)
endif()
