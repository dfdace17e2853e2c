#include "composer/data/samplers/materialized_sampler.h"

#include <numeric>
#include <utility>
#include <vector>

#include "composer/base/counter_random.h"
#include "composer/base/logging.h"
#include "composer/base/random.h"
#include "composer/data/samplers/stored_order.h"

namespace composer {

MaterializedSampler::MaterializedSampler(int64_t size, uint64_t seed) : size_(size), seed_(seed) {
  CHECK_GE(size, 0);
}

std::shared_ptr<const Order> MaterializedSampler::order(int64_t epoch) const {
  std::vector<int64_t> samples(size_);
  std::iota(samples.begin(), samples.end(), int64_t{0});
  CounterRandom random(mix_seed({seed_, hash_name("materialized"), static_cast<uint64_t>(epoch)}));
  for (int64_t left = size_; left > 1; --left) {
    std::swap(samples[left - 1], samples[random.below(left)]);
  }
  return std::make_shared<StoredOrder>(std::move(samples));
}

}  // namespace composer
