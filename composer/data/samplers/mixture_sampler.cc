#include "composer/data/samplers/mixture_sampler.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "absl/strings/str_cat.h"
#include "composer/base/random.h"
#include "composer/base/status.h"
#include "composer/data/samplers/permutation.h"

namespace composer {
namespace {

constexpr int64_t kLongest = int64_t{1} << 62;

// The proportions as whole numbers, exact but for what is below 2^-60 of their sum.
std::vector<int64_t> whole_numbers(absl::Span<const MixtureSampler::Part> parts) {
  double largest = 0;
  for (const MixtureSampler::Part& part : parts) largest = std::max(largest, part.proportion);
  int exponent, count_exponent;
  std::frexp(largest, &exponent);
  std::frexp(static_cast<double>(parts.size()), &count_exponent);
  std::vector<int64_t> weights;
  for (const MixtureSampler::Part& part : parts) {
    weights.push_back(std::llround(std::ldexp(part.proportion, 60 - exponent - count_exponent)));
  }
  return weights;
}

class MixtureOrder final : public Order {
 public:
  MixtureOrder(const EvenSpread& spread, const std::vector<int64_t>& sizes, bool shuffle,
               uint64_t seed, int64_t epoch)
      : spread_(spread), sizes_(sizes), shuffle_(shuffle), seed_(seed), epoch_(epoch) {
    starts_.push_back(0);
    for (const int64_t size : sizes) {
      passes_.push_back(pass(static_cast<int64_t>(passes_.size()), 0));
      starts_.push_back(starts_.back() + size);
    }
  }

  void fill(int64_t start, absl::Span<int64_t> out) const override {
    // The passes that these positions are in; the first ones when they are that.
    std::vector<std::pair<int64_t, Permutation>> later;
    std::vector<size_t> place_in_later(sizes_.size(), 0);
    for (size_t i = 0; i < out.size(); ++i) {
      const auto [part, number] = spread_.locate(start + static_cast<int64_t>(i));
      const int64_t pass_number = number / sizes_[part];
      int64_t sample = number % sizes_[part];
      if (shuffle_ && pass_number == 0) {
        sample = passes_[part](sample);
      } else if (shuffle_) {
        size_t& place = place_in_later[part];
        if (place == 0) {
          later.emplace_back(pass_number, pass(part, pass_number));
          place = later.size();
        } else if (later[place - 1].first != pass_number) {
          later[place - 1] = {pass_number, pass(part, pass_number)};
        }
        sample = later[place - 1].second(sample);
      }
      out[i] = starts_[part] + sample;
    }
  }

 private:
  Permutation pass(int64_t part, int64_t number) const {
    return Permutation(sizes_[part],
                       mix_seed({seed_, hash_name("mixture"), static_cast<uint64_t>(part),
                                 static_cast<uint64_t>(number)}),
                       epoch_);
  }

  const EvenSpread spread_;
  const std::vector<int64_t> sizes_;
  const bool shuffle_;
  const uint64_t seed_;
  const int64_t epoch_;
  std::vector<int64_t> starts_;
  std::vector<Permutation> passes_;
};

// The first number in (low, high] for which `reached` holds, as it does for all above.
template <typename Reached>
int64_t first_reached(int64_t low, int64_t high, const Reached& reached) {
  while (high - low > 1) {
    const int64_t middle = low + (high - low) / 2;
    (reached(middle) ? high : low) = middle;
  }
  return high;
}

}  // namespace

absl::StatusOr<std::unique_ptr<MixtureSampler>> MixtureSampler::create(
    absl::Span<const Part> parts, const MixtureSamplerOptions& options) {
  if (parts.empty()) return field_error("parts", "a mixture needs at least one part");
  int64_t samples = 0;
  for (size_t i = 0; i < parts.size(); ++i) {
    const std::string field = absl::StrCat("parts[", i, "]");
    const double proportion = parts[i].proportion;
    if (!(proportion > 0) || !std::isfinite(proportion)) {
      return field_error(field + ".proportion",
                         absl::StrCat("the proportion is ", proportion, "; it must be above 0"));
    }
    if (parts[i].size < 1) return field_error(field + ".dataset", "the dataset has no samples");
    if (parts[i].size > kLongest - samples) {
      return field_error(field + ".dataset", "the parts have more than 2^62 samples");
    }
    samples += parts[i].size;
  }
  const std::vector<int64_t> weights = whole_numbers(parts);
  for (size_t i = 0; i < parts.size(); ++i) {
    if (weights[i] < 1) {
      return field_error(absl::StrCat("parts[", i, "].proportion"),
                         absl::StrCat("the proportion ", parts[i].proportion,
                                      " is next to nothing beside the others'"));
    }
  }
  std::unique_ptr<MixtureSampler> sampler(new MixtureSampler(parts, weights, options));
  if (options.stop == MixtureSamplerOptions::Stop::kFirstExhausted) {
    sampler->size_ =
        first_reached(0, samples + 1,
                      [&](int64_t positions) { return !sampler->repeats_nothing(positions); }) -
        1;
  } else {
    const auto enough = [&](int64_t positions) { return sampler->has_everything(positions); };
    if (!enough(kLongest)) {
      return field_error("parts",
                         "it takes more than 2^62 samples until every sample of the part with the "
                         "smallest proportion has come");
    }
    sampler->size_ = first_reached(samples - 1, kLongest, enough);
  }
  return sampler;
}

MixtureSampler::MixtureSampler(absl::Span<const Part> parts, absl::Span<const int64_t> weights,
                               const MixtureSamplerOptions& options)
    : spread_(weights), shuffle_(options.shuffle), seed_(options.seed) {
  for (const Part& part : parts) sizes_.push_back(part.size);
}

bool MixtureSampler::repeats_nothing(int64_t positions) const {
  for (size_t part = 0; part < sizes_.size(); ++part) {
    if (spread_.count(static_cast<int64_t>(part), positions) > sizes_[part]) return false;
  }
  return true;
}

bool MixtureSampler::has_everything(int64_t positions) const {
  for (size_t part = 0; part < sizes_.size(); ++part) {
    if (spread_.count(static_cast<int64_t>(part), positions) < sizes_[part]) return false;
  }
  return true;
}

std::shared_ptr<const Order> MixtureSampler::order(int64_t epoch) const {
  return std::make_shared<MixtureOrder>(spread_, sizes_, shuffle_, seed_, epoch);
}

}  // namespace composer
