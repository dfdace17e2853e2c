#include "composer/data/transforms/image_pipeline.h"

#include <map>
#include <string>

#include "absl/strings/str_cat.h"
#include "composer/base/random.h"
#include "composer/base/status.h"
#include "composer/data/transforms/normalize.h"

namespace composer {

ImagePipeline::ImagePipeline(const ChannelStatistics& statistics) : normalizer_(statistics) {}

absl::StatusOr<ImagePipeline> ImagePipeline::create(
    const std::vector<std::shared_ptr<const ImageTransform>>& transforms,
    const ChannelStatistics& statistics) {
  ImagePipeline pipeline(statistics);
  std::map<absl::string_view, uint64_t> seen;
  // What made the image float, or needed it so.
  const ImageTransform* float_since = nullptr;
  bool normalized = false;
  for (size_t i = 0; i < transforms.size(); ++i) {
    const ImageTransform& transform = *transforms[i];
    const std::string field = absl::StrCat("transforms[", i, "]");
    const uint64_t key = mix_seed({hash_name(transform.name()), seen[transform.name()]++});
    if (const auto bytes = std::dynamic_pointer_cast<const ByteTransform>(transforms[i])) {
      if (float_since != nullptr) {
        return field_error(field, absl::StrCat(transform.name(), " works on bytes; it must stand",
                                               " in front of ", float_since->name()));
      }
      pipeline.byte_steps_.push_back({bytes, key});
    } else if (const auto floats = std::dynamic_pointer_cast<const FloatTransform>(transforms[i])) {
      if (float_since == nullptr) float_since = &transform;
      pipeline.float_steps_.push_back({floats, key});
    } else if (const auto* normalize = dynamic_cast<const Normalize*>(&transform)) {
      if (normalized) return field_error(field, "images are normalised once: a second normalize");
      if (float_since != nullptr) {
        return field_error(field, absl::StrCat(float_since->name(), " works on floats: normalize ",
                                               "must stand in front of it"));
      }
      const absl::StatusOr<ChannelStatistics> chosen = normalize->statistics(statistics);
      if (!chosen.ok()) return in_field(absl::StrCat(field, ".normalize"), chosen.status());
      pipeline.normalizer_ = Normalizer(*chosen);
      normalized = true;
      float_since = &transform;
    } else {
      return field_error(field, absl::StrCat(transform.name(), " is neither a ByteTransform nor a ",
                                             "FloatTransform"));
    }
  }
  return pipeline;
}

void ImagePipeline::transform_bytes(LazyImage& image, uint64_t sample_key) const {
  for (const auto& [transform, key] : byte_steps_) {
    CounterRandom random(mix(sample_key ^ key));
    transform->apply(image, random);
  }
}

void ImagePipeline::normalize(const LazyImage& image, const FloatImage& out) const {
  normalizer_.write(image.padded(), out);
}

void ImagePipeline::transform_floats(const FloatImage& image, uint64_t sample_key) const {
  for (const auto& [transform, key] : float_steps_) {
    CounterRandom random(mix(sample_key ^ key));
    transform->apply(image, random);
  }
}

}  // namespace composer
