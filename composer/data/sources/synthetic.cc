#include "composer/data/sources/synthetic.h"

#include <ATen/ops/empty.h>
#include <c10/util/Exception.h>

#include <utility>

#include "absl/numeric/int128.h"
#include "absl/strings/str_cat.h"
#include "composer/base/random.h"
#include "composer/base/status.h"
#include "composer/data/gather.h"
#include "composer/data/registry.h"
#include "proto/dataset.pb.h"

namespace composer {
namespace {

// What a stream of random numbers is for.
enum Purpose : uint64_t { kMean, kNoise, kTokens };

constexpr float kSqrt3 = 1.7320508f;

// 24 of the bits as a number in [-1, 1).
float signed_unit(uint32_t bits) {
  return static_cast<float>(static_cast<int32_t>(bits >> 8) - (1 << 23)) * 0x1p-23f;
}

absl::StatusOr<int64_t> count_elements(const config::Synthetic& config) {
  if (config.shape().empty()) {
    return field_error("shape", "the shape of a sample is missing; write one such as [3, 32, 32]");
  }
  int64_t elements = 1;
  for (int i = 0; i < config.shape_size(); ++i) {
    if (config.shape(i) < 1) {
      return field_error(absl::StrCat("shape[", i, "]"),
                         absl::StrCat("a size is at least 1, not ", config.shape(i)));
    }
    int64_t bytes;
    if (__builtin_mul_overflow(elements, config.shape(i), &elements) ||
        __builtin_mul_overflow(elements, 2 * sizeof(int64_t), &bytes)) {
      return field_error("shape", "a sample of this shape fits in no memory");
    }
  }
  return elements;
}

absl::Status check_counts(const config::Synthetic& config) {
  if (config.num_samples() < 1) return field_error("num_samples", "num_samples is at least 1");
  if (config.num_classes() < 1) return field_error("num_classes", "num_classes is at least 1");
  if (config.vocabulary_size() < 0) {
    return field_error("vocabulary_size", "vocabulary_size is at least 0");
  }
  if (config.vocabulary_size() > 0 && config.shape_size() != 1) {
    return field_error("shape", absl::StrCat("with a vocabulary_size the shape is [sequence], one "
                                             "size; it has ",
                                             config.shape_size()));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::shared_ptr<Synthetic>> Synthetic::create(const Config& config) {
  return create(config, kMemoryLimit);
}

absl::StatusOr<std::shared_ptr<Synthetic>> Synthetic::create(const Config& config,
                                                             int64_t memory_limit) {
  COMPOSER_RETURN_IF_ERROR(check_counts(config));
  COMPOSER_ASSIGN_OR_RETURN(const int64_t elements, count_elements(config));
  return std::shared_ptr<Synthetic>(new Synthetic(config, elements, memory_limit));
}

Synthetic::Synthetic(const Config& config, int64_t elements, int64_t memory_limit)
    : num_samples_(config.num_samples()),
      num_classes_(config.num_classes()),
      vocabulary_size_(config.vocabulary_size()),
      seed_(config.seed()),
      shape_(config.shape().begin(), config.shape().end()),
      elements_(elements) {
  const int64_t sample_bytes =
      vocabulary_size_ > 0 ? elements_ * 2 * sizeof(int64_t) : elements_ * sizeof(float);
  if (num_samples_ <= memory_limit / sample_bytes) {
    held_ = make(num_samples_, [](int64_t position) { return position; });
  }
}

Batch Synthetic::get_batch(absl::Span<const int64_t> indices) const {
  if (held_.empty()) {
    return make(static_cast<int64_t>(indices.size()), [&](int64_t position) {
      const int64_t index = indices[position];
      TORCH_CHECK_INDEX(index >= 0 && index < num_samples_, "there is no sample ", index, " among ",
                        num_samples_);
      return index;
    });
  }
  Batch batch;
  for (const auto& [name, tensor] : held_) batch.set(name, gather_rows(tensor, indices));
  return batch;
}

Batch Synthetic::make(int64_t count, absl::FunctionRef<int64_t(int64_t)> index_at) const {
  std::vector<int64_t> sizes = {count};
  sizes.insert(sizes.end(), shape_.begin(), shape_.end());
  if (vocabulary_size_ > 0) {
    at::Tensor input_ids = at::empty(sizes, at::kLong);
    at::Tensor labels = at::empty(sizes, at::kLong);
    int64_t* token = input_ids.mutable_data_ptr<int64_t>();
    int64_t* label = labels.mutable_data_ptr<int64_t>();
    for (int64_t i = 0; i < count; ++i) {
      fill_tokens(index_at(i), token + i * elements_, label + i * elements_);
    }
    return {{"input_ids", std::move(input_ids)}, {"labels", std::move(labels)}};
  }
  at::Tensor input = at::empty(sizes, at::kFloat);
  at::Tensor target = at::empty({count}, at::kLong);
  float* element = input.mutable_data_ptr<float>();
  int64_t* label = target.mutable_data_ptr<int64_t>();
  for (int64_t i = 0; i < count; ++i) {
    const int64_t index = index_at(i);
    fill(index, element + i * elements_);
    label[i] = index % num_classes_;
  }
  return {{"input", std::move(input)}, {"target", std::move(target)}};
}

void Synthetic::fill(int64_t index, float* out) const {
  const uint64_t label = static_cast<uint64_t>(index % num_classes_);
  const uint64_t mean_key = mix_seed({seed_, kMean, label});
  const uint64_t noise_key = mix_seed({seed_, kNoise, static_cast<uint64_t>(index)});
  // One 64-bit number for two elements.
  for (int64_t i = 0; i < elements_; i += 2) {
    const uint64_t counter = static_cast<uint64_t>(i / 2);
    const uint64_t mean = mix(mean_key + counter);
    const uint64_t noise = mix(noise_key + counter);
    const auto element = [&](int shift) {
      return signed_unit(static_cast<uint32_t>(mean >> shift)) +
             kSqrt3 * signed_unit(static_cast<uint32_t>(noise >> shift));
    };
    out[i] = element(0);
    if (i + 1 < elements_) out[i + 1] = element(32);
  }
}

void Synthetic::fill_tokens(int64_t index, int64_t* tokens, int64_t* labels) const {
  const uint64_t key = mix_seed({seed_, kTokens, static_cast<uint64_t>(index)});
  for (int64_t i = 0; i < elements_; ++i) {
    const absl::uint128 scaled = absl::uint128(mix(key + static_cast<uint64_t>(i))) *
                                 static_cast<uint64_t>(vocabulary_size_);
    tokens[i] = static_cast<int64_t>(absl::Uint128High64(scaled));
    labels[i] = tokens[i] % num_classes_;
  }
}

COMPOSER_REGISTER(Dataset, Synthetic);

}  // namespace composer
