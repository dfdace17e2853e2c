// A plugin that was built with other versions. Its code must not run.

#include <cstdlib>

extern "C" {
extern __attribute__((visibility("default"))) const char composer_plugin_abi[];
const char composer_plugin_abi[] = "composer-0 gcc9 c++201703 torch-1.13.0";
}

static const bool ran = [] {
  std::abort();
  return true;
}();
