#pragma once

#include <string>

#include "absl/status/status.h"

namespace composer {

/// Loads a plugin, a shared library whose algorithms, callbacks and so on register themselves like
/// the built-in ones. Called before the config is read, which may then name them in `plugin`. A
/// library stays loaded until the process ends; loading it again does nothing.
///
/// The library must contain COMPOSER_PLUGIN() (composer/plugin.h) and be built with what this
/// program was built with; that is checked before any of its code runs. InvalidArgument or NotFound
/// say what is wrong with the file, FailedPrecondition what differs.
///
/// The library finds composer's symbols in this program, which therefore exports them: linking this
/// library sees to it (under Bazel; others link with -rdynamic and all of core).
absl::Status load_plugin(const std::string& path);

}  // namespace composer
