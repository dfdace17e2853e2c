// The include order in which c10's LOG, without C10_USE_GLOG, silently takes glog's place.
// clang-format off
#include <c10/util/Logging.h>
#include <glog/logging.h>
// clang-format on

void log_with_torch_included_first(const char* message) { LOG(INFO) << message; }
