#include "composer/data/samplers/permutation_sampler.h"

#include "composer/data/samplers/permutation.h"

namespace composer {
namespace {

class PermutedOrder final : public Order {
 public:
  PermutedOrder(int64_t size, uint64_t seed, int64_t epoch) : permutation_(size, seed, epoch) {}

  void fill(int64_t start, absl::Span<int64_t> out) const override {
    for (int64_t& index : out) index = permutation_(start++);
  }

 private:
  Permutation permutation_;
};

}  // namespace

std::shared_ptr<const Order> PermutationSampler::order(int64_t epoch) const {
  return std::make_shared<PermutedOrder>(size_, seed_, epoch);
}

}  // namespace composer
