#include "composer/data/image_batch.h"

#include <c10/util/Exception.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "absl/strings/str_cat.h"
#include "composer/base/exceptions.h"
#include "composer/base/random.h"

namespace composer {
namespace {

// Asks for an image's memory. In a shuffled order it is far away, and waiting for it would take
// longer than all the rest; of large images the processor finds the later rows by itself.
void prefetch(const ImageView& image) {
  constexpr int64_t kCacheLine = 64;
  constexpr int64_t kMost = 1 << 13;
  const int64_t size = image.channels * image.height * image.width;
  for (int64_t i = 0; i < std::min(size, kMost); i += kCacheLine) {
    __builtin_prefetch(image.data + i);
  }
}

FloatImage place(const at::Tensor& input, int64_t k) {
  return {input.mutable_data_ptr<float>() + k * input.stride(0),
          input.size(1),
          input.size(2),
          input.size(3),
          input.stride(1),
          input.stride(2),
          input.stride(3)};
}

}  // namespace

Batch make_image_batch(const ImageDataset& dataset, const ImagePipeline& pipeline,
                       absl::Span<const int64_t> indices, uint64_t seed, int64_t epoch,
                       bool channels_last, ImageBatchScratch& scratch,
                       const RecycledMemory& memory) {
  Batch batch;
  if (indices.empty()) return batch;
  for (const int64_t index : indices) {
    TORCH_CHECK_INDEX(index >= 0 && index < dataset.size(), "there is no sample ", index, " among ",
                      dataset.size(), " of ", dataset.name());
  }
  const int64_t count = static_cast<int64_t>(indices.size());
  const auto fetch = [&](int64_t k) {
    return in_context([&] { return absl::StrCat("sample ", indices[k]); },
                      [&] { return dataset.image(indices[k], scratch.decoded[k % 2]); });
  };
  at::Tensor input;
  FloatImage out;
  ImageView pixels = fetch(0);
  for (int64_t k = 0; k < count; ++k) {
    ImageView next;
    if (k + 1 < count) {
      next = fetch(k + 1);
      if (next.data != scratch.decoded[(k + 1) % 2].data()) prefetch(next);
    }
    const uint64_t key =
        mix_seed({seed, static_cast<uint64_t>(epoch), static_cast<uint64_t>(indices[k])});
    in_context(
        [&] { return absl::StrCat("sample ", indices[k]); },
        [&] {
          TORCH_CHECK_VALUE(pixels.channels == pipeline.channels(), "the image has ",
                            pixels.channels, " channels; expected ", pipeline.channels());
          LazyImage image(pixels, scratch.transforms);
          pipeline.transform_bytes(image, key);
          if (k == 0) {
            input = memory.empty(
                {count, image.channels(), image.height(), image.width()},
                channels_last ? at::MemoryFormat::ChannelsLast : at::MemoryFormat::Contiguous);
          }
          out = place(input, k);
          TORCH_CHECK_VALUE(image.height() == out.height && image.width() == out.width,
                            "the image is ", image.height(), "x", image.width(),
                            " pixels (height x width), the first of the batch, sample ", indices[0],
                            ", ", out.height, "x", out.width,
                            "; add a resize or a crop to the loader's transforms, so that all ",
                            "images come out in one size");
          pipeline.normalize(image, out);
          pipeline.transform_floats(out, key);
        });
    pixels = next;
  }
  batch.set("input", std::move(input));
  for (const auto& [name, tensor] : dataset.companions(indices)) batch.set(name, tensor);
  return batch;
}

}  // namespace composer
