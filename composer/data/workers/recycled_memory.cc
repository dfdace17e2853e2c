#include "composer/data/workers/recycled_memory.h"

#include <ATen/ops/from_blob.h>
#include <c10/core/CPUAllocator.h>
#include <c10/util/accumulate.h>

#include <algorithm>
#include <mutex>
#include <utility>
#include <vector>

namespace composer {

struct RecycledMemory::Pool {
  struct Block {
    c10::DataPtr data;
    size_t size;
  };

  std::shared_ptr<Block> take(size_t size) {
    {
      const std::lock_guard lock(mutex);
      const auto fits = std::find_if(idle.rbegin(), idle.rend(),
                                     [&](const auto& block) { return block->size >= size; });
      if (fits != idle.rend()) {
        std::shared_ptr<Block> block = std::move(*fits);
        idle.erase(std::next(fits).base());
        return block;
      }
      // What was too small once will be so again.
      idle.clear();
    }
    return std::make_shared<Block>(Block{c10::GetCPUAllocator()->allocate(size), size});
  }

  void give_back(std::shared_ptr<Block> block) {
    const std::lock_guard lock(mutex);
    idle.push_back(std::move(block));
  }

  std::mutex mutex;
  // The one that was used last at the end: it is in the processor's caches.
  std::vector<std::shared_ptr<Block>> idle;
};

RecycledMemory::RecycledMemory() : pool_(std::make_shared<Pool>()) {}

at::Tensor RecycledMemory::empty(at::IntArrayRef sizes, at::MemoryFormat format) const {
  std::vector<int64_t> strides(sizes.size());
  if (format == at::MemoryFormat::ChannelsLast) {
    strides = c10::get_channels_last_strides_2d(sizes);
  } else {
    int64_t stride = 1;
    for (size_t i = sizes.size(); i-- > 0;) {
      strides[i] = stride;
      stride *= sizes[i];
    }
  }
  std::shared_ptr<Pool::Block> block =
      pool_->take(static_cast<size_t>(c10::multiply_integers(sizes)) * sizeof(float));
  void* data = block->data.get();
  return at::from_blob(
      data, sizes, strides,
      [pool = std::weak_ptr<Pool>(pool_), block = std::move(block)](void*) mutable {
        if (const auto alive = pool.lock()) alive->give_back(std::move(block));
      },
      at::kFloat);
}

}  // namespace composer
