#pragma once

#include <google/protobuf/stubs/common.h>
#include <torch/headeronly/version.h>

#include <array>
#include <cstddef>

#include "absl/base/config.h"
#include "absl/strings/string_view.h"
#include "composer/core/algorithm.h"
#include "composer/core/callback.h"
#include "composer/core/event.h"
#include "composer/core/state.h"

namespace composer {

/// What a plugin and the program that loads it must have in common: these headers, compiled by the
/// same compiler for the same standard against the same libraries. Compared as text.
class PluginAbi {
 public:
  constexpr PluginAbi() {
    add("composer-1 events-");
    add(kAllEvents.size());
    add(" state-");
    add(sizeof(State));
    add(" traits-");
    add(sizeof(AlgorithmTraits));
#ifdef __clang__
    add(" clang");
    add(__clang_major__);
#else
    add(" gcc");
    add(__GNUC__);
#endif
    add(" c++");
    add(__cplusplus);
    add(" torch-" TORCH_VERSION " protobuf-");
    add(GOOGLE_PROTOBUF_VERSION);
    add(" absl-");
    add(ABSL_LTS_RELEASE_VERSION);
  }

  constexpr absl::string_view text() const { return absl::string_view(text_.data(), size_); }

 private:
  constexpr void add(absl::string_view part) {
    for (const char c : part) text_[size_++] = c;
  }
  constexpr void add(size_t number) {
    size_t power = 1;
    while (number / power >= 10) power *= 10;
    for (; power > 0; power /= 10) text_[size_++] = static_cast<char>('0' + number / power % 10);
  }

  // Ends in at least one zero, so that it can be read as a string out of a file.
  std::array<char, 160> text_ = {};
  size_t size_ = 0;
};

/// This build's.
inline constexpr PluginAbi kPluginAbi;

}  // namespace composer
