# The launcher: units, and the plugin with a fake trainer. Nothing here links libtorch.
set(launch_definitions LMF_SHIPPED_OPTIONS="${LMF_PLUGIN_OUTPUT_DIRECTORY}/train.options.toml"
  LMF_TRAIN_PLUGIN="${LMF_PLUGIN_OUTPUT_DIRECTORY}/liblmf-train.so")

file(CONFIGURE OUTPUT ${CMAKE_CURRENT_BINARY_DIR}/gone.c CONTENT "int lmf_test_gone(void) { return 0; }\n")
file(CONFIGURE OUTPUT ${CMAKE_CURRENT_BINARY_DIR}/needy.c CONTENT "int lmf_test_gone(void);\nint lmf_test_needy(void) { return lmf_test_gone(); }\n")
file(CONFIGURE OUTPUT ${CMAKE_CURRENT_BINARY_DIR}/empty.c CONTENT "int lmf_test_empty(void) { return 0; }\n")
add_library(lmf-test-gone SHARED ${CMAKE_CURRENT_BINARY_DIR}/gone.c)
add_library(lmf-test-needy-worker MODULE ${CMAKE_CURRENT_BINARY_DIR}/needy.c)
add_library(lmf-test-empty-worker MODULE ${CMAKE_CURRENT_BINARY_DIR}/empty.c)
add_library(lmf-test-fake-worker MODULE fake_worker.c)
target_link_libraries(lmf-test-needy-worker PRIVATE lmf-test-gone)
target_link_libraries(lmf-test-fake-worker PRIVATE lmf::plugin_sdk)
target_include_directories(lmf-test-fake-worker PRIVATE ${PROJECT_SOURCE_DIR}/plugins)
# Without a run path the needy one does not find what it needs.
set_target_properties(lmf-test-gone lmf-test-needy-worker PROPERTIES C_VISIBILITY_PRESET default SKIP_BUILD_RPATH ON)

lmf_test(NAME train_launch SOURCES launch_test.cpp output_lock_test.cpp resume_checks_test.cpp LIBRARIES lmf::train_launch)
target_compile_definitions(test_train_launch PRIVATE ${launch_definitions}
  LMF_NEEDY_WORKER="$<TARGET_FILE:lmf-test-needy-worker>" LMF_EMPTY_WORKER="$<TARGET_FILE:lmf-test-empty-worker>")
add_dependencies(test_train_launch lmf-train lmf-test-needy-worker lmf-test-empty-worker)

lmf_test(NAME train_launch_plugin SOURCES launch_plugin_test.cpp LIBRARIES lmf::config)
target_compile_definitions(test_train_launch_plugin PRIVATE ${launch_definitions}
  LMF_FAKE_WORKER="$<TARGET_FILE:lmf-test-fake-worker>")
add_dependencies(test_train_launch_plugin lmf-train lmf-test-fake-worker)

lmf_test(NAME train_inputs SOURCES inputs_test.cpp hostile_checkpoint_test.cpp LIBRARIES lmf::train_shared)
target_compile_definitions(test_train_inputs PRIVATE ${launch_definitions})
add_dependencies(test_train_inputs lmf-train)
