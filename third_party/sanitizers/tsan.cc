// What ThreadSanitizer is told in every program; TSAN_OPTIONS comes on top.

extern "C" const char* __tsan_default_options();

const char* __tsan_default_options() { return "halt_on_error=1:second_deadlock_stack=1"; }
