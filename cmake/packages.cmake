# What is installed, and the Debian packages that CPack makes of it (`cpack --config build/CPackConfig.cmake`): alignflow-coordinator,
# alignflow-client, alignflow-worker and, where scripts/cuda-runtime.txt has been fetched (ALIGNFLOW_PACKAGE_CUDA), alignflow-worker-cuda.
option(ALIGNFLOW_PACKAGE_CUDA "Package LibTorch's CUDA half and the CUDA libraries as well" OFF)
set(wheels ${ALIGNFLOW_TORCH_DIR}/..)
set(doc share/doc)

# The worker finds LibTorch by its place beside the program, and LibTorch the NVIDIA wheels' libraries by the wheels' own layout.
set_target_properties(alignflow-worker PROPERTIES INSTALL_RPATH "\$ORIGIN/../lib/alignflow/torch/lib")
install(TARGETS alignflow-coordinator RUNTIME DESTINATION bin COMPONENT coordinator)
install(TARGETS afctl RUNTIME DESTINATION bin COMPONENT client)
install(TARGETS alignflow-worker RUNTIME DESTINATION bin COMPONENT worker)
foreach(library torch_cpu c10)
  install(FILES ${ALIGNFLOW_TORCH_DIR}/lib/lib${library}.so DESTINATION lib/alignflow/torch/lib COMPONENT worker)
endforeach()
install(FILES ${ALIGNFLOW_TORCH_DIR}/lib/libgomp.so.1 DESTINATION lib/alignflow/torch/lib COMPONENT worker)
foreach(library cudart cupti)
  install(FILES ${wheels}/nvidia/cu13/lib/lib${library}.so.13
    DESTINATION lib/alignflow/nvidia/cu13/lib COMPONENT worker)
endforeach()
install(DIRECTORY third_party/models/ DESTINATION share/alignflow/models COMPONENT worker
  FILES_MATCHING PATTERN "*.safetensors" PATTERN "LICENSE*")

# Licences of what is in the packages beside our own code: libraries of the wheels, and headers that are compiled into the programs.
function(install_wheel_licenses component)
  foreach(wheel ${ARGN})
    file(GLOB folders ${wheels}/${wheel}-*.dist-info/licenses)
    foreach(folder ${folders})
      install(DIRECTORY ${folder}/ DESTINATION ${doc}/alignflow-${component}/licenses/${wheel} COMPONENT ${component})
    endforeach()
  endforeach()
endfunction()
install_wheel_licenses(worker torch nvidia_cuda_runtime nvidia_cuda_cupti)
foreach(component coordinator client worker)
  foreach(library cli11 nlohmann-json3)
    install(FILES /usr/share/doc/lib${library}-dev/copyright DESTINATION ${doc}/alignflow-${component}/licenses
      RENAME ${library} COMPONENT ${component} OPTIONAL)
    install(FILES /usr/share/doc/${library}-dev/copyright DESTINATION ${doc}/alignflow-${component}/licenses
      RENAME ${library} COMPONENT ${component} OPTIONAL)
  endforeach()
endforeach()

if(ALIGNFLOW_PACKAGE_CUDA)
  foreach(library torch_cuda torch_cuda_linalg torch_nvshmem c10_cuda caffe2_nvrtc)
    install(FILES ${ALIGNFLOW_TORCH_DIR}/lib/lib${library}.so
      DESTINATION lib/alignflow/torch/lib COMPONENT worker-cuda)
  endforeach()
  install(DIRECTORY ${wheels}/nvidia DESTINATION lib/alignflow COMPONENT worker-cuda
    FILES_MATCHING PATTERN "*.so*"
    PATTERN "include" EXCLUDE PATTERN "libcudart.so.13" EXCLUDE PATTERN "libcupti.so.13" EXCLUDE)
  file(GLOB licenses RELATIVE ${wheels} ${wheels}/nvidia_*.dist-info)
  list(TRANSFORM licenses REPLACE "-[0-9].*" "")
  install_wheel_licenses(worker-cuda ${licenses})
  install(FILES ${wheels}/nvidia/cusparselt/LICENSE.txt
    DESTINATION ${doc}/alignflow-worker-cuda/licenses/nvidia_cusparselt_cu13 COMPONENT worker-cuda OPTIONAL)
  install(FILES deploy/systemd/cuda.conf
    DESTINATION lib/systemd/system/alignflow-worker.service.d COMPONENT worker-cuda)
endif()

# Services. Their options are in /etc/default, which an upgrade leaves alone.
foreach(component coordinator worker)
  install(FILES deploy/systemd/alignflow-${component}.service DESTINATION lib/systemd/system COMPONENT ${component})
  install(FILES deploy/systemd/alignflow-${component}.default DESTINATION /etc/default
    RENAME alignflow-${component} COMPONENT ${component})
endforeach()

set(CPACK_GENERATOR DEB)
set(CPACK_SET_DESTDIR ON)  # some files go to /etc; the prefix is the presets'
set(CPACK_PACKAGE_VENDOR AlignFlow)
set(CPACK_PACKAGE_CONTACT "AlignFlow")
set(CPACK_PACKAGE_DIRECTORY ${CMAKE_BINARY_DIR}/packages)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_COMPONENTS_ALL coordinator client worker)
if(ALIGNFLOW_PACKAGE_CUDA)
  list(APPEND CPACK_COMPONENTS_ALL worker-cuda)
endif()
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_COMPRESSION_TYPE zstd)
set(CPACK_THREADS 0)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS ${ALIGNFLOW_TORCH_DIR}/lib ${wheels}/nvidia/cu13/lib)
set(CPACK_COMPONENT_COORDINATOR_DESCRIPTION "AlignFlow's coordinator
Keeps datasets, jobs and results, and leases the jobs' tasks to workers.")
set(CPACK_COMPONENT_CLIENT_DESCRIPTION "AlignFlow's command line
afctl: datasets, jobs, reports and pairs of an AlignFlow coordinator.")
set(CPACK_COMPONENT_WORKER_DESCRIPTION "AlignFlow's worker
Computes the tasks of an AlignFlow coordinator on CPU cores, or with
alignflow-worker-cuda on a GPU.")
set(CPACK_COMPONENT_WORKER-CUDA_DESCRIPTION "CUDA libraries for AlignFlow's worker
LibTorch's CUDA half and NVIDIA's libraries. The driver is the machine's own.")
foreach(component coordinator client worker worker-cuda)
  string(TOUPPER ${component} name)
  set(CPACK_DEBIAN_${name}_PACKAGE_NAME alignflow-${component})
endforeach()
foreach(component coordinator client worker)
  string(TOUPPER ${component} name)
  set(CPACK_DEBIAN_${name}_PACKAGE_SHLIBDEPS ON)
endforeach()
set(CPACK_DEBIAN_COORDINATOR_PACKAGE_DEPENDS "passwd, ca-certificates")  # authorities of object stores
set(CPACK_DEBIAN_COORDINATOR_PACKAGE_RECOMMENDS alignflow-client)
set(CPACK_DEBIAN_COORDINATOR_PACKAGE_SUGGESTS alignflow-worker)
set(CPACK_DEBIAN_WORKER_PACKAGE_DEPENDS passwd)
set(CPACK_DEBIAN_WORKER-CUDA_PACKAGE_DEPENDS "alignflow-worker (= ${PROJECT_VERSION})")
foreach(component COORDINATOR WORKER)
  string(TOLOWER ${component} folder)
  set(scripts ${PROJECT_SOURCE_DIR}/deploy/debian/${folder})
  set(CPACK_DEBIAN_${component}_PACKAGE_CONTROL_EXTRA
      ${scripts}/conffiles ${scripts}/postinst ${scripts}/prerm ${scripts}/postrm)
endforeach()
include(CPack)
