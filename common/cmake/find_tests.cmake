# Writes RUNNER: a CUnit main that includes SOURCE and runs each `static void test_…(void)` in it.
file(STRINGS ${SOURCE} lines REGEX "^static void test_[a-z0-9_]+\\(void\\)")
get_filename_component(name ${SOURCE} NAME_WE)
set(adds "")
foreach(line IN LISTS lines)
  string(REGEX REPLACE "^static void (test_[a-z0-9_]+)\\(void\\).*" "\\1" test "${line}")
  string(APPEND adds "    failed |= !CU_add_test(suite, \"${test}\", ${test});\n")
endforeach()
if(adds STREQUAL "")
  message(FATAL_ERROR "${SOURCE}: no `static void test_…(void)` found")
endif()
file(WRITE ${RUNNER} "#include \"${SOURCE}\"

#include <CUnit/Basic.h>
#include <CUnit/CUnit.h>
#include <signal.h>
#include <stdio.h>

/* A test that crashes is named; then the signal does what it does. */
static void on_crash(int number)
{
    CU_pTest test = CU_get_current_test();
    printf(\"\\ncrashed in %s\\n\", test ? test->pName : \"no test\");
    fflush(stdout);
    signal(number, SIG_DFL);
    raise(number);
}

int main(void)
{
    signal(SIGABRT, on_crash);
    signal(SIGSEGV, on_crash);
    if (CU_initialize_registry() != CUE_SUCCESS)
        return 1;
    CU_pSuite suite = CU_add_suite(\"${name}\", NULL, NULL);
    int failed = !suite;
${adds}    CU_basic_set_mode(CU_BRM_NORMAL);
    if (!failed)
        CU_basic_run_tests();
    failed |= CU_get_number_of_failures() != 0 || CU_get_number_of_tests_run() == 0;
    CU_cleanup_registry();
    return failed;
}
")
