# The kernels: one source, compiled once per ISA level into objects of their own.

set(FASTNET_KERNEL_SOURCES
  cpp/kernels/activation.cpp
  cpp/kernels/math.cpp
  cpp/kernels/discrete.cpp
  cpp/kernels/dropout.cpp
  cpp/kernels/expression.cpp
  cpp/kernels/random.cpp
  cpp/kernels/loss.cpp
  cpp/kernels/moments.cpp
  cpp/kernels/norm.cpp
  cpp/kernels/optimizer.cpp
  cpp/kernels/probe.cpp
  cpp/kernels/product.cpp
  cpp/kernels/quantized_bf16.cpp
  cpp/kernels/quantized_int8.cpp
  cpp/kernels/reduce.cpp
  cpp/kernels/softmax.cpp
  cpp/kernels/stream.cpp
  cpp/kernels/table.cpp)

set(FASTNET_KERNEL_OPTIMISATION -O3)
if(FASTNET_SANITIZE)
  set(FASTNET_KERNEL_OPTIMISATION -O1)
endif()

add_library(fastnet_kernels INTERFACE)
set(FASTNET_LEVELS "")

function(fastnet_add_objects level sources)
  add_library(fastnet_kernels_${level} OBJECT ${sources})
  target_include_directories(fastnet_kernels_${level} PRIVATE ${PROJECT_SOURCE_DIR}/cpp)
  target_compile_definitions(fastnet_kernels_${level} PRIVATE FASTNET_LEVEL=${level})
  # No exceptions and no RTTI: nothing in a kernel may throw, and nothing may be shared between levels.
  target_compile_options(fastnet_kernels_${level} PRIVATE
    ${FASTNET_KERNEL_OPTIMISATION} -fno-exceptions -fno-rtti ${ARGN})
  target_sources(fastnet_kernels INTERFACE $<TARGET_OBJECTS:fastnet_kernels_${level}>)
  string(TOUPPER ${level} upper)
  target_compile_definitions(fastnet_kernels INTERFACE FASTNET_HAS_${upper}=1)
endfunction()

macro(fastnet_add_level level)
  fastnet_add_objects(${level} "${FASTNET_KERNEL_SOURCES}" ${ARGN})
endmacro()

# One source with instructions that some CPUs of a level have, and the flags of both.
macro(fastnet_add_extension extension source)
  fastnet_add_objects(${extension} ${source} ${ARGN})
endmacro()

if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  fastnet_add_level(baseline)
  fastnet_add_level(avx2 -march=x86-64-v3)
  fastnet_add_level(avx512 -march=x86-64-v4)
  fastnet_add_extension(avx512_bf16 cpp/kernels/quantized_bf16.cpp -march=x86-64-v4 -mavx512bf16)
  fastnet_add_extension(avx512_vnni cpp/kernels/quantized_int8.cpp -march=x86-64-v4 -mavx512vnni)
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64|arm64")
  fastnet_add_level(neon)
else()
  fastnet_add_level(baseline)
endif()
