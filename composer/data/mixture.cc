#include "composer/data/mixture.h"

#include <cmath>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "composer/base/exceptions.h"
#include "composer/base/status.h"
#include "composer/config/build_chosen.h"
#include "composer/data/image_dataset.h"
#include "composer/data/mixture_parts.h"
#include "composer/data/registry.h"
#include "proto/dataset.pb.h"

namespace composer {
namespace {

// What is the same for images and all else.
class Mixed {
 public:
  Mixed(std::vector<std::shared_ptr<const Dataset>> datasets,
        std::vector<MixtureSampler::Part> shares, MixtureSamplerOptions::Stop stop,
        std::optional<Learnt> learnt)
      : parts(std::move(datasets)),
        learnt(std::move(learnt)),
        shares_(std::move(shares)),
        stop_(stop) {}

  std::string name() const {
    return absl::StrCat("mixture of ", absl::StrJoin(parts.datasets(), " and ",
                                                     [](std::string* out, const auto& d) {
                                                       out->append(d->name());
                                                     }));
  }

  std::unique_ptr<Sampler> make_sampler(uint64_t seed, bool shuffle) const {
    // These parts make one: `make_mixture` tried.
    return *MixtureSampler::create(shares_, {.stop = stop_, .shuffle = shuffle, .seed = seed});
  }

  const MixtureParts parts;
  const std::optional<Learnt> learnt;

 private:
  const std::vector<MixtureSampler::Part> shares_;
  const MixtureSamplerOptions::Stop stop_;
};

class PlainMixture final : public Dataset {
 public:
  explicit PlainMixture(Mixed mixed) : mixed_(std::move(mixed)) {}

  int64_t size() const override { return mixed_.parts.size(); }
  std::string name() const override { return mixed_.name(); }
  std::optional<Learnt> learnt() const override { return mixed_.learnt; }
  std::unique_ptr<Sampler> make_sampler(uint64_t seed, bool shuffle) const override {
    return mixed_.make_sampler(seed, shuffle);
  }

  TensorDict get(int64_t index) const override {
    const auto [part, own_index] = mixed_.parts.locate(index);
    const Dataset& dataset = *mixed_.parts.datasets()[part];
    const int64_t i = own_index;
    return in_context([&] { return absl::StrCat(dataset.name(), ", sample ", i); },
                      [&] { return dataset.get(i); });
  }

  Batch get_batch(absl::Span<const int64_t> indices) const override {
    return mixed_.parts.join(indices, [&](size_t part, absl::Span<const int64_t> own) {
      return mixed_.parts.datasets()[part]->get_batch(own);
    });
  }

 private:
  const Mixed mixed_;
};

class ImageMixture final : public ImageDataset {
 public:
  ImageMixture(Mixed mixed, ChannelStatistics statistics)
      : mixed_(std::move(mixed)), statistics_(std::move(statistics)) {
    for (const auto& dataset : mixed_.parts.datasets()) {
      images_.push_back(dynamic_cast<const ImageDataset*>(dataset.get()));
    }
  }

  int64_t size() const override { return mixed_.parts.size(); }
  std::string name() const override { return mixed_.name(); }
  std::optional<Learnt> learnt() const override { return mixed_.learnt; }
  std::unique_ptr<Sampler> make_sampler(uint64_t seed, bool shuffle) const override {
    return mixed_.make_sampler(seed, shuffle);
  }
  const ChannelStatistics& statistics() const override { return statistics_; }

  ImageView image(int64_t index, std::vector<uint8_t>& storage) const override {
    const auto [part, own_index] = mixed_.parts.locate(index);
    const ImageDataset& images = *images_[part];
    const int64_t i = own_index;
    return in_context([&] { return absl::StrCat(images.name(), ", sample ", i); },
                      [&] { return images.image(i, storage); });
  }

  Batch companions(absl::Span<const int64_t> indices) const override {
    return mixed_.parts.join(indices, [&](size_t part, absl::Span<const int64_t> own) {
      return images_[part]->companions(own);
    });
  }

 private:
  const Mixed mixed_;
  const ChannelStatistics statistics_;
  // The parts again, by what they are.
  std::vector<const ImageDataset*> images_;
};

std::string field(size_t part) { return absl::StrCat("parts[", part, "].dataset"); }

// What the parts have learnt; an error when they do not agree.
absl::StatusOr<std::optional<Learnt>> agreed_learnt(absl::Span<const MixturePart> parts) {
  std::optional<Learnt> agreed;
  std::string whose;
  for (size_t i = 0; i < parts.size(); ++i) {
    std::optional<Learnt> learnt = parts[i].dataset->learnt();
    if (!learnt) continue;
    if (agreed && agreed->text != learnt->text) {
      return field_error(field(i),
                         absl::StrCat(parts[i].dataset->name(), " learnt other things than ", whose,
                                      ", so that one number would mean two; let both learn from "
                                      "one file"));
    }
    const bool own = learnt->from_own_samples || (agreed && agreed->from_own_samples);
    agreed = std::move(learnt);
    agreed->from_own_samples = own;
    whose = parts[i].dataset->name();
  }
  return agreed;
}

// Empty when the sample cannot be read: whether that is an error is for the loader to say.
TensorDict first_sample(const Dataset& dataset, bool images) {
  TensorDict sample;
  const absl::Status read = catch_exceptions([&] {
    sample = images ? TensorDict(static_cast<const ImageDataset&>(dataset).companions({0}))
                    : dataset.get(0);
  });
  return read.ok() ? sample : TensorDict();
}

// Of images, what belongs to them.
absl::Status check_alike(absl::Span<const MixturePart> parts, bool images) {
  // Types and numbers of dimensions, whatever the sizes.
  constexpr int64_t kNoSizes = 100;
  const MixturePart* model = nullptr;
  TensorDict model_sample;
  for (size_t i = 0; i < parts.size(); ++i) {
    TensorDict sample = first_sample(*parts[i].dataset, images);
    if (sample.empty()) continue;
    if (model == nullptr) {
      model = &parts[i];
      model_sample = std::move(sample);
      continue;
    }
    const std::string differs = difference(model_sample, sample, kNoSizes);
    if (!differs.empty()) {
      return field_error(field(i),
                         absl::StrCat("samples of ", model->dataset->name(), " and ",
                                      parts[i].dataset->name(), " cannot be mixed: ", differs));
    }
  }
  return absl::OkStatus();
}

// Of the pixels of all parts: means by share, variances with what the means differ by.
absl::StatusOr<ChannelStatistics> pooled_statistics(absl::Span<const ImageDataset* const> images,
                                                    absl::Span<const MixtureSampler::Part> shares) {
  double sum = 0;
  for (const MixtureSampler::Part& share : shares) sum += share.proportion;
  const size_t channels = images[0]->statistics().mean.size();
  ChannelStatistics pooled{std::vector<double>(channels), std::vector<double>(channels)};
  for (size_t i = 0; i < images.size(); ++i) {
    const ChannelStatistics& own = images[i]->statistics();
    if (own.mean.size() != channels) {
      return field_error(field(i), absl::StrCat("images of ", images[0]->name(), " have ", channels,
                                                " channels, those of ", images[i]->name(), " ",
                                                own.mean.size(), "; they cannot be mixed"));
    }
    const double share = shares[i].proportion / sum;
    for (size_t c = 0; c < channels; ++c) {
      pooled.mean[c] += share * own.mean[c];
      pooled.std[c] += share * (own.std[c] * own.std[c] + own.mean[c] * own.mean[c]);
    }
  }
  bool equal = true;
  for (const ImageDataset* part : images) {
    equal = equal && part->statistics().mean == images[0]->statistics().mean &&
            part->statistics().std == images[0]->statistics().std;
  }
  // To the bit.
  if (equal) return images[0]->statistics();
  for (size_t c = 0; c < channels; ++c) {
    pooled.std[c] = std::sqrt(pooled.std[c] - pooled.mean[c] * pooled.mean[c]);
  }
  return pooled;
}

}  // namespace

absl::StatusOr<std::shared_ptr<Dataset>> make_mixture(std::vector<MixturePart> parts,
                                                      MixtureSamplerOptions::Stop stop) {
  std::vector<MixtureSampler::Part> shares;
  std::vector<std::shared_ptr<const Dataset>> datasets;
  std::vector<const ImageDataset*> images;
  for (size_t i = 0; i < parts.size(); ++i) {
    const MixturePart& part = parts[i];
    if (part.dataset == nullptr) return field_error(field(i), "there is no dataset");
    if (part.proportion.has_value() != parts[0].proportion.has_value()) {
      return field_error(
          absl::StrCat("parts[", i, "].proportion"),
          absl::StrCat("this part has ", part.proportion ? "a" : "no",
                       " proportion and the first has ", part.proportion ? "none" : "one",
                       "; give all parts a proportion, or none, which is by size"));
    }
    if (part.dataset->make_sampler(0, false) != nullptr) {
      return field_error(field(i), absl::StrCat(part.dataset->name(),
                                                " has an order of its own, which a mixture of "
                                                "mixtures would lose; list its parts here"));
    }
    const int64_t size = part.dataset->size();
    shares.push_back({size, part.proportion.value_or(static_cast<double>(size))});
    // By size, what is empty has no proportion either; the first is what to say.
    if (size < 1) return field_error(field(i), part.dataset->name() + " has no samples");
    datasets.push_back(part.dataset);
    if (const auto* part_images = dynamic_cast<const ImageDataset*>(part.dataset.get())) {
      images.push_back(part_images);
    }
  }
  COMPOSER_RETURN_IF_ERROR(MixtureSampler::create(shares, {.stop = stop}).status());
  COMPOSER_ASSIGN_OR_RETURN(std::optional<Learnt> learnt, agreed_learnt(parts));
  Mixed mixed(std::move(datasets), shares, stop, std::move(learnt));
  const bool all_images = images.size() == parts.size();
  COMPOSER_RETURN_IF_ERROR(check_alike(parts, all_images));
  if (!all_images) return std::make_shared<PlainMixture>(std::move(mixed));
  COMPOSER_ASSIGN_OR_RETURN(ChannelStatistics statistics, pooled_statistics(images, shares));
  return std::make_shared<ImageMixture>(std::move(mixed), std::move(statistics));
}

absl::StatusOr<std::shared_ptr<Dataset>> Mixture::create(const Config& config) {
  std::vector<MixturePart> parts;
  for (int i = 0; i < config.parts_size(); ++i) {
    auto dataset = build_chosen<Dataset>(config.parts(i).dataset());
    if (!dataset.ok()) return in_field(field(i), dataset.status());
    parts.push_back({*std::move(dataset)});
    if (config.parts(i).has_proportion()) parts.back().proportion = config.parts(i).proportion();
  }
  return make_mixture(std::move(parts), config.stop() == Config::LAST_EXHAUSTED
                                            ? MixtureSamplerOptions::Stop::kLastExhausted
                                            : MixtureSamplerOptions::Stop::kFirstExhausted);
}

COMPOSER_REGISTER(Dataset, Mixture);

}  // namespace composer
