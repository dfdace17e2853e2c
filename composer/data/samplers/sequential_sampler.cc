#include "composer/data/samplers/sequential_sampler.h"

#include <numeric>

#include "composer/base/logging.h"

namespace composer {
namespace {

class SequentialOrder final : public Order {
 public:
  void fill(int64_t start, absl::Span<int64_t> out) const override {
    std::iota(out.begin(), out.end(), start);
  }
};

}  // namespace

SequentialSampler::SequentialSampler(int64_t size)
    : size_(size), order_(std::make_shared<SequentialOrder>()) {
  CHECK_GE(size, 0);
}

}  // namespace composer
