# What every folder's CMakeLists.txt uses: waybill_library, add_service, add_unit_test; warnings, sanitizers.
include(GNUInstallDirs)

set(CMAKE_C_STANDARD 11)
set(CMAKE_C_EXTENSIONS ON)
set(CMAKE_CXX_STANDARD 17)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE RelWithDebInfo)
endif()
# Assertions are for bugs and stay on in release.
string(REPLACE "-DNDEBUG" "" CMAKE_C_FLAGS_RELWITHDEBINFO "${CMAKE_C_FLAGS_RELWITHDEBINFO}")
string(REPLACE "-DNDEBUG" "" CMAKE_C_FLAGS_RELEASE "${CMAKE_C_FLAGS_RELEASE}")

add_library(waybill_warnings INTERFACE)
target_compile_options(waybill_warnings INTERFACE
  -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wformat=2 -Wcast-align
  $<$<COMPILE_LANGUAGE:C>:-Wswitch-enum -Wstrict-prototypes -Wold-style-definition>
  $<$<AND:$<COMPILE_LANGUAGE:C>,$<C_COMPILER_ID:GNU>>:-Wimplicit-fallthrough=5>
  $<$<BOOL:${WERROR}>:-Werror>)
target_compile_definitions(waybill_warnings INTERFACE _GNU_SOURCE)
target_include_directories(waybill_warnings INTERFACE ${CMAKE_SOURCE_DIR}/common)

if(SANITIZE)
  add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer)
  add_link_options(-fsanitize=address,undefined)
endif()
if(FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined)
  add_link_options(-fsanitize=address,undefined)
endif()

# waybill_library(NAME [LINK ...]): a static library of every *.c and *.cc here, linked as waybill_NAME.
function(waybill_library name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "LINK")
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.c ${CMAKE_CURRENT_SOURCE_DIR}/*.cc)
  add_library(waybill_${name} STATIC ${sources})
  target_link_libraries(waybill_${name} PUBLIC ${arg_LINK} PRIVATE waybill_warnings)
  target_include_directories(waybill_${name} PUBLIC ${CMAKE_SOURCE_DIR}/common)
endfunction()

# add_service(NAME [LINK ...]): rules into NAME_core (pure; LINK = pure doors only), main.c and settings.c into the program.
function(add_service name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "LINK")
  file(GLOB rules CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.c ${CMAKE_CURRENT_SOURCE_DIR}/adapters/*.c)
  list(FILTER rules EXCLUDE REGEX "/(main|settings)\\.c$")
  add_library(${name}_core STATIC ${rules})
  target_link_libraries(${name}_core PUBLIC waybill_events waybill_rules ${arg_LINK} PRIVATE waybill_warnings)
  target_include_directories(${name}_core PUBLIC ${CMAKE_SOURCE_DIR}/services)
  # Settings are shared with tests that load the real files.
  add_library(${name}_settings STATIC settings.c)
  target_link_libraries(${name}_settings PUBLIC ${name}_core waybill_config PRIVATE waybill_warnings)
  add_executable(${name} main.c)
  target_link_libraries(${name} PRIVATE ${name}_settings ${name}_core waybill_worker waybill_warnings)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
  install(TARGETS ${name})
endfunction()

# add_unit_test(FILE): one CUnit program. Its `static void test_…(void)` functions are found, so none can be forgotten;
# what it links stands in its first lines as `/* links: intake_core waybill_avro */`.
function(add_unit_test file)
  get_filename_component(name ${file} NAME_WE)
  file(STRINGS ${file} links_line REGEX "^/\\* links:.*\\*/$" LIMIT_COUNT 1)
  string(REGEX REPLACE "^/\\* links:(.*)\\*/$" "\\1" links "${links_line}")
  separate_arguments(links)
  set(runner ${CMAKE_CURRENT_BINARY_DIR}/${name}_main.c)
  add_custom_command(OUTPUT ${runner}
    COMMAND ${CMAKE_COMMAND} -DSOURCE=${file} -DRUNNER=${runner} -P ${CMAKE_SOURCE_DIR}/common/cmake/find_tests.cmake
    DEPENDS ${file} ${CMAKE_SOURCE_DIR}/common/cmake/find_tests.cmake)
  add_executable(${name} ${runner})
  target_link_libraries(${name} PRIVATE ${links} cunit waybill_warnings)
  target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR}/tests/unit)
  target_compile_definitions(${name} PRIVATE SOURCE_DIR="${CMAKE_SOURCE_DIR}")
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES LABELS unit TIMEOUT 300)
endfunction()
