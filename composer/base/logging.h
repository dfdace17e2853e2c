#pragma once

// The one place that includes glog. c10 defines LOG and CHECK too; C10_USE_GLOG, which the
// LibTorch target sets, makes it use these.
#include <glog/logging.h>  // IWYU pragma: export
