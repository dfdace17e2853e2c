#include "composer/data/samplers/permutation.h"

#include <algorithm>
#include <bit>

#include "composer/base/logging.h"
#include "composer/base/random.h"

namespace composer {
namespace {

// Below this size, eight rounds still favour some permutations measurably.
constexpr uint64_t kSmall = 64;

// The round function. The upper half of the last product depends on all bits before it.
inline uint64_t scramble(uint64_t half, uint64_t key) {
  uint64_t x = (half ^ key) * 0xbf58476d1ce4e5b9u;
  x ^= x >> 32;
  x *= 0x94d049bb133111ebu;
  return x >> 33;
}

}  // namespace

Permutation::Permutation(int64_t size, uint64_t seed, int64_t epoch)
    : size_(static_cast<uint64_t>(size)), rounds_(size_ < kSmall ? kMaxRounds : 8) {
  CHECK(size >= 0 && size <= (int64_t{1} << 62)) << size;
  const int bits = std::max<int>(2, std::bit_width(size_ == 0 ? 0 : size_ - 1));
  left_bits_ = bits / 2;
  left_mask_ = (uint64_t{1} << left_bits_) - 1;
  right_mask_ = (uint64_t{1} << (bits - left_bits_)) - 1;
  const uint64_t key = mix_seed({seed, static_cast<uint64_t>(epoch)});
  for (int i = 0; i < kMaxRounds; ++i) keys_[i] = mix(key + static_cast<uint64_t>(i));
}

int64_t Permutation::operator()(int64_t position) const {
  uint64_t x = static_cast<uint64_t>(position);
  // Outside of the range the walk might never end.
  CHECK_LT(x, size_);
  do {
    uint64_t left = x & left_mask_;
    uint64_t right = x >> left_bits_;
    for (int i = 0; i < rounds_; i += 2) {
      left ^= scramble(right, keys_[i]) & left_mask_;
      right ^= scramble(left, keys_[i + 1]) & right_mask_;
    }
    x = left | (right << left_bits_);
  } while (x >= size_);
  return static_cast<int64_t>(x);
}

}  // namespace composer
