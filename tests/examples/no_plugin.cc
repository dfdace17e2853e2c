// A shared library that says nothing of how it was built.

#include <cstdlib>

static const bool ran = [] {
  std::abort();
  return true;
}();
