#pragma once

// For authors of plugins: shared libraries that bring algorithms or callbacks of their own. See
// examples/plugin. A plugin is built against the headers of the program that loads it.

#include "composer/base/exceptions.h"   // IWYU pragma: export
#include "composer/base/registry.h"     // IWYU pragma: export
#include "composer/base/status.h"       // IWYU pragma: export
#include "composer/base/time.h"         // IWYU pragma: export
#include "composer/core/algorithm.h"    // IWYU pragma: export
#include "composer/core/autocast.h"     // IWYU pragma: export
#include "composer/core/callback.h"     // IWYU pragma: export
#include "composer/core/event.h"        // IWYU pragma: export
#include "composer/core/logger.h"       // IWYU pragma: export
#include "composer/core/plugin_abi.h"   // IWYU pragma: export
#include "composer/core/registries.h"   // IWYU pragma: export
#include "composer/core/state.h"        // IWYU pragma: export
#include "composer/core/tensor_dict.h"  // IWYU pragma: export

/// Stands once in every plugin, at file scope: says what the plugin was built with, which is
/// compared before any of its code runs.
#define COMPOSER_PLUGIN()                                                                        \
  extern "C" {                                                                                   \
  extern __attribute__((visibility("default"))) const ::composer::PluginAbi composer_plugin_abi; \
  constexpr ::composer::PluginAbi composer_plugin_abi;                                           \
  }                                                                                              \
  static_assert(true, "so that a semicolon follows")
