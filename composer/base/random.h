#pragma once

#include <cstdint>
#include <initializer_list>

#include "absl/strings/string_view.h"

namespace composer {

/// SplitMix64's finaliser (Steele et al., 2014): a bijection that spreads nearby numbers.
constexpr uint64_t mix(uint64_t x) {
  x += 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

/// One seed out of several numbers; their order counts. The same on every machine.
constexpr uint64_t mix_seed(std::initializer_list<uint64_t> parts) {
  uint64_t seed = 0;
  for (const uint64_t part : parts) seed = mix(seed ^ mix(part));
  return seed;
}

/// A number for a name (64-bit FNV-1a). The same on every machine.
constexpr uint64_t hash_name(absl::string_view name) {
  uint64_t hash = 0xcbf29ce484222325u;
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  return hash;
}

}  // namespace composer
