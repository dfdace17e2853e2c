#pragma once

#include <array>
#include <cstdint>

namespace composer {

/// The order of an epoch: a bijection on [0, size) that is a function of (seed, epoch), the same on
/// every machine. Any position costs some 15 ns and nothing is stored, so that a billion samples
/// take no memory and no replay. A Feistel network over the next power of two, walked until it
/// lands inside (Black and Rogaway, 2002, "Ciphers with arbitrary finite domains"). Good for
/// shuffling, not for secrets.
class Permutation {
 public:
  /// REQUIRES: 0 <= size <= 2^62.
  Permutation(int64_t size, uint64_t seed, int64_t epoch);

  /// REQUIRES: 0 <= position < size().
  int64_t operator()(int64_t position) const;
  int64_t size() const { return static_cast<int64_t>(size_); }

 private:
  static constexpr int kMaxRounds = 24;

  uint64_t size_;
  int rounds_;
  int left_bits_;
  uint64_t left_mask_;
  uint64_t right_mask_;
  std::array<uint64_t, kMaxRounds> keys_;
};

}  // namespace composer
