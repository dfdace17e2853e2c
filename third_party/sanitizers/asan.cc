// What AddressSanitizer is told in every program; ASAN_OPTIONS and LSAN_OPTIONS come on top.

extern "C" const char* __asan_default_options();
extern "C" const char* __lsan_default_suppressions();

const char* __asan_default_options() {
  // detect_odr_violation: libtorch_cpu.so carries its own copy of libraries (protobuf, fmt) that
  // programs link too; two definitions of their globals are known and harmless.
  return "detect_odr_violation=0:detect_stack_use_after_return=1:strict_string_checks=1";
}

const char* __lsan_default_suppressions() {
  // Registries and thread pools that live until the process ends; LeakSanitizer cannot follow
  // pointers in libraries that were not built with it.
  return "leak:libtorch_cpu.so\n"
         "leak:libc10.so\n"
         "leak:libgomp.so\n";
}
