// What UndefinedBehaviorSanitizer is told in every program; UBSAN_OPTIONS comes on top.

extern "C" const char* __ubsan_default_options();

const char* __ubsan_default_options() { return "print_stacktrace=1"; }
